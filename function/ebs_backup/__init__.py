"""Backs up every in-use EBS volume of an account: observe, plan, apply, report."""
