output "instances" {
  description = "Machines by node name."
  value = {
    for name, instance in aws_instance.node : name => {
      id                = instance.id
      availability_zone = instance.availability_zone
      private_ip        = instance.private_ip
      provider_id       = "aws:///${instance.availability_zone}/${instance.id}"
    }
  }
}
