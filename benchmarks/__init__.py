"""How fast the function backs up whole estates, beside others, on an EC2 with AWS's published limits."""
