# A zip archive made of nothing but text, field by field as PKWARE's APPNOTE.TXT orders them (its sections in brackets).
#
# Terraform has no byte strings, so each byte is one of the characters U+0000 to U+00FF. ISO-8859-1 maps each of them to
# one byte and back. Terraform normalizes the Unicode of every string, which does not change these characters.

locals {
  # base64gzip() is the only function that compresses, and the only one that computes a CRC-32.
  sources = [for path, text in var.files : { path = base64encode(path), gzip = base64gzip(text) }]

  # A gzip member (RFC 1952) is a header of 10 bytes, the deflate stream, the CRC-32 and the size. A zip entry needs the
  # same three. A regex splits the member, because substr() counts grapheme clusters, and CR LF is a single one. The base64
  # text has 4 characters for 3 bytes and gives the sizes, because length() counts grapheme clusters too.
  entries = [for source in local.sources : merge(
    regex("(?s)^.{10}(?P<deflate>.*)(?P<crc32>.{4})(?P<size>.{4})$", textdecodebase64(source.gzip, "ISO-8859-1")),
    {
      deflate_size = floor(length(trim(source.gzip, "=")) * 3 / 4) - 18
      path         = textdecodebase64(source.path, "ISO-8859-1")
      path_size    = floor(length(trim(source.path, "=")) * 3 / 4)
    },
  )]

  # A file is a local header of 30 bytes, its path and its data. After the last of them comes the directory: for each file
  # a header of 46 bytes and its path again.
  file_sizes       = [for entry in local.entries : 30 + entry.path_size + entry.deflate_size]
  file_offsets     = [for i, _ in local.file_sizes : i == 0 ? 0 : sum(slice(local.file_sizes, 0, i))]
  directory_offset = sum(local.file_sizes)
  directory_size   = sum([for entry in local.entries : 46 + entry.path_size])

  # Integers are little-endian [4.4.1.1]: these tables hold the bytes of each that occurs.
  bytes = [for value in range(256) : jsondecode(format("\"\\u%04x\"", value))]
  uint16 = { for n in toset(concat(local.entries[*].path_size, [length(local.entries)])) :
    n => join("", [for power in [0, 1] : local.bytes[floor(n / pow(256, power)) % 256]])
  }
  uint32 = { for n in toset(concat(local.entries[*].deflate_size, local.file_offsets, [local.directory_offset, local.directory_size])) :
    n => join("", [for power in [0, 1, 2, 3] : local.bytes[floor(n / pow(256, power)) % 256]])
  }

  # What the two headers of a file have in common [4.4.3 to 4.4.11].
  common_fields = [for entry in local.entries : join("", [
    "\u0014\u0000",                   # version needed to extract: 2.0, for deflate
    "\u0000\u0008",                   # flags: bit 11, the path is UTF-8
    "\u0008\u0000",                   # method: deflate
    "\u0000\u0000",                   # time of last change: 00:00
    "\u0021\u0000",                   # date of last change: 1980-01-01, the first there is
    entry.crc32,                      # CRC-32
    local.uint32[entry.deflate_size], # compressed size
    entry.size,                       # uncompressed size
    local.uint16[entry.path_size],    # file name length
    "\u0000\u0000",                   # extra field length
  ])]

  # [4.3.7] and [4.3.8]
  files = [for i, entry in local.entries : join("", [
    "PK\u0003\u0004",       # local file header signature
    local.common_fields[i], # version needed to extract ... extra field length
    entry.path,             # file name
    entry.deflate,          # file data
  ])]

  # [4.3.12]
  directory = [for i, entry in local.entries : join("", [
    "PK\u0001\u0002",                    # central file header signature
    "\u0014\u0003",                      # version made by: 2.0, for attributes as in UNIX
    local.common_fields[i],              # version needed to extract ... extra field length
    "\u0000\u0000",                      # file comment length
    "\u0000\u0000",                      # disk number start
    "\u0000\u0000",                      # internal file attributes
    "\u0000\u0000\u00a4\u0081",          # external file attributes: a regular file, mode 0644
    local.uint32[local.file_offsets[i]], # relative offset of local header
    entry.path,                          # file name
  ])]

  # [4.3.16]
  directory_end = join("", [
    "PK\u0005\u0006",                     # end of central directory signature
    "\u0000\u0000",                       # number of this disk
    "\u0000\u0000",                       # number of the disk with the directory
    local.uint16[length(local.entries)],  # entries on this disk
    local.uint16[length(local.entries)],  # entries
    local.uint32[local.directory_size],   # size of the directory
    local.uint32[local.directory_offset], # offset of the directory
    "\u0000\u0000",                       # comment length
  ])

  base64 = textencodebase64(join("", concat(local.files, local.directory, [local.directory_end])), "ISO-8859-1")
}
