output "vpc_id" {
  description = "The VPC."
  value       = aws_vpc.this.id
}

# Handed out before their routes exist: machines take longer to boot than a route takes to make, and try again anyway.
# Waiting would make `destroy` go through machines, NAT and internet gateway one after the other.

output "public_subnet_ids" {
  description = "The public subnets, one an availability zone."
  value       = aws_subnet.public[*].id
}

output "private_subnet_ids" {
  description = "The private subnets, one an availability zone."
  value       = aws_subnet.private[*].id
}
