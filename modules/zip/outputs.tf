output "base64" {
  description = "The archive, in base64."
  value       = local.base64
}

output "sha256" {
  description = "SHA-256, in hexadecimal, of the `base64` text (not of the bytes it stands for): a name for the archive's content."
  value       = sha256(local.base64)
}
