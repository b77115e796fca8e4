# Handed out with their rules: a machine that boots before them cannot download anything.
output "cluster_security_group_id" {
  description = "Security group of all nodes."
  value       = aws_security_group.cluster.id
  depends_on  = [aws_security_group_rule.nodes, aws_security_group_rule.outbound]
}

output "alb_security_group_id" {
  description = "Security group of load balancers."
  value       = aws_security_group.alb.id
}
