"""Controllers whose pods are simulated, but whose AWS resources are not: they are made in moto.

What a cluster leaves behind in AWS is therefore seen.

manager.py         runs controllers in threads while the control plane serves
cloud.py           the loop shared by those that follow Ingresses and Services
load_balancers.py  AWS Load Balancer Controller
external_dns.py    ExternalDNS
ebs_csi.py         EBS CSI driver
facts.py           what Terraform publishes for them
"""
