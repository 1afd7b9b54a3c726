"""What other programs see of the service: protocols that they already speak."""
