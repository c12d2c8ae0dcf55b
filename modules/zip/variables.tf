variable "files" {
  description = "Text of each file, by the path it has in the archive: relative, with forward slashes, such as `package/module.py`."
  type        = map(string)
  nullable    = false

  # Offenders are counted, not looked for with alltrue(), whose time grows with the square of the number of files.

  validation {
    condition     = length(var.files) >= 1 && length(var.files) <= 65535
    error_message = "An archive holds 1 to 65,535 files; got: ${length(var.files)}."
  }

  validation {
    condition     = length([for path, text in var.files : path if text == null]) == 0
    error_message = "The text of a file may be empty but not null; got null for: ${jsonencode([for path, text in var.files : path if text == null])}."
  }

  # The pattern finds a segment of no, one or two dots and nothing else.
  validation {
    condition     = length([for path in keys(var.files) : path if can(regex("(^|/)[.]{0,2}(/|$)", path))]) == 0
    error_message = "A path is relative and none of its segments is empty, `.` or `..`; got: ${jsonencode([for path in keys(var.files) : path if can(regex("(^|/)[.]{0,2}(/|$)", path))])}."
  }

  validation {
    condition     = length([for path in keys(var.files) : path if can(regex("[\\\\\u0000]", path))]) == 0
    error_message = "A path has neither backslashes nor NUL characters; got: ${jsonencode([for path in keys(var.files) : path if can(regex("[\\\\\u0000]", path))])}."
  }

  # 65,535 bytes are 87,380 characters of base64, which length() counts one by one; a path's own it counts in clusters.
  validation {
    condition     = length([for path in keys(var.files) : path if length(base64encode(path)) > 87380]) == 0
    error_message = "A path has at most 65,535 bytes in UTF-8; got longer ones that begin with: ${jsonencode([for path in keys(var.files) : substr(path, 0, 60) if length(base64encode(path)) > 87380])}."
  }

  validation {
    condition     = length([for path in keys(var.files) : path if anytrue([for depth, _ in split("/", path) : depth > 0 && can(var.files[join("/", slice(split("/", path), 0, depth))])])]) == 0
    error_message = "A path cannot lead through another file; got: ${jsonencode([for path in keys(var.files) : path if anytrue([for depth, _ in split("/", path) : depth > 0 && can(var.files[join("/", slice(split("/", path), 0, depth))])])])}."
  }
}
