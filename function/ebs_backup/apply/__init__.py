"""The third step: carries a plan out, each action once, at the rates that EC2 allows."""
