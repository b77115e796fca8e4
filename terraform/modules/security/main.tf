# One group for all nodes and one for load balancers. What pods may say to each other is NetworkPolicies' matter.

resource "aws_security_group" "cluster" {
  name        = "${var.cluster_name}-cluster"
  description = "All nodes of ${var.cluster_name}"
  vpc_id      = var.vpc_id

  # The ALB controller adds rules of its own; without this they would block the group's deletion.
  revoke_rules_on_delete = true

  tags = {
    Name                                        = "${var.cluster_name}-cluster"
    "kubernetes.io/cluster/${var.cluster_name}" = "owned"
  }
}

resource "aws_security_group" "alb" {
  name        = "${var.cluster_name}-alb"
  description = "Load balancers of ${var.cluster_name}"
  vpc_id      = var.vpc_id

  revoke_rules_on_delete = true

  tags = { Name = "${var.cluster_name}-alb" }
}

resource "aws_security_group_rule" "nodes" {
  security_group_id = aws_security_group.cluster.id
  description       = "Node to node: Calico VXLAN and Typha, kubelet, etcd, API server"
  type              = "ingress"
  protocol          = "-1"
  from_port         = 0
  to_port           = 0
  self              = true
}

resource "aws_security_group_rule" "api" {
  count = length(var.api_cidrs) > 0 ? 1 : 0

  security_group_id = aws_security_group.cluster.id
  description       = "Kubernetes API server"
  type              = "ingress"
  protocol          = "tcp"
  from_port         = 6443
  to_port           = 6443
  cidr_blocks       = var.api_cidrs
}

resource "aws_security_group_rule" "ssh" {
  count = length(var.ssh_cidrs) > 0 ? 1 : 0

  security_group_id = aws_security_group.cluster.id
  description       = "SSH"
  type              = "ingress"
  protocol          = "tcp"
  from_port         = 22
  to_port           = 22
  cidr_blocks       = var.ssh_cidrs
}

resource "aws_security_group_rule" "node_ports" {
  security_group_id        = aws_security_group.cluster.id
  description              = "Load balancers to NodePorts"
  type                     = "ingress"
  protocol                 = "tcp"
  from_port                = 30000
  to_port                  = 32767
  source_security_group_id = aws_security_group.alb.id
}

resource "aws_security_group_rule" "outbound" {
  security_group_id = aws_security_group.cluster.id
  description       = "Images, packages, AWS APIs"
  type              = "egress"
  protocol          = "-1"
  from_port         = 0
  to_port           = 0
  cidr_blocks       = ["0.0.0.0/0"]
}

resource "aws_security_group_rule" "web" {
  for_each = { http = 80, https = 443 }

  security_group_id = aws_security_group.alb.id
  description       = "Clients, ${each.key}"
  type              = "ingress"
  protocol          = "tcp"
  from_port         = each.value
  to_port           = each.value
  cidr_blocks       = ["0.0.0.0/0"]
}

resource "aws_security_group_rule" "targets" {
  security_group_id        = aws_security_group.alb.id
  description              = "NodePorts of the nodes"
  type                     = "egress"
  protocol                 = "tcp"
  from_port                = 30000
  to_port                  = 32767
  source_security_group_id = aws_security_group.cluster.id
}
