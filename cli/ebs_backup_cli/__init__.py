"""The command `ebs-backup`, for operators; nothing of it is deployed."""
