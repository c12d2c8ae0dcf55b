# What is backed up

variable "name" {
  description = "Name of this deployment, 1 to 36 characters, unique in the account; its resources and its snapshots' tags carry it."
  type        = string
  default     = "ebs-backup"
  nullable    = false

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{0,35}$", var.name))
    error_message = "name must be 1 to 36 lower-case letters, digits and hyphens, the first one a letter, because a bucket's name begins with it; got: ${var.name}."
  }

  validation {
    condition     = !anytrue([for reserved in ["xn--", "sthree-", "amzn-s3-demo-"] : startswith(var.name, reserved)])
    error_message = "name must not begin with xn--, sthree- or amzn-s3-demo-, which S3 reserves; got: ${var.name}."
  }
}

variable "regions" {
  description = "Regions to back up; empty means every enabled region of the account, looked up at each run."
  type        = set(string)
  default     = []
  nullable    = false

  validation {
    condition     = alltrue([for region in var.regions : can(regex(local.region_pattern, region))])
    error_message = "regions must hold names of regions, such as eu-west-1; got: ${join(", ", var.regions)}."
  }
}

variable "exclude_regions" {
  description = "Regions to leave out when a run backs up every enabled region."
  type        = set(string)
  default     = []
  nullable    = false

  validation {
    condition     = alltrue([for region in var.exclude_regions : can(regex(local.region_pattern, region))])
    error_message = "exclude_regions must hold names of regions, such as eu-west-1; got: ${join(", ", var.exclude_regions)}."
  }

  validation {
    condition     = length(setintersection(var.regions, var.exclude_regions)) == 0
    error_message = "exclude_regions must not hold a region that regions asks for; got in both: ${join(", ", setintersection(var.regions, var.exclude_regions))}."
  }
}

variable "expected_denied_regions" {
  description = "Regions that the account is denied, by a service control policy for example; such a denial does not fail the run."
  type        = set(string)
  default     = []
  nullable    = false

  validation {
    condition     = alltrue([for region in var.expected_denied_regions : can(regex(local.region_pattern, region))])
    error_message = "expected_denied_regions must hold names of regions, such as eu-west-1; got: ${join(", ", var.expected_denied_regions)}."
  }
}

variable "include_tags" {
  description = "Tags that a volume must all carry to be backed up; `*` in a value matches any characters; empty selects every in-use volume."
  type        = map(string)
  default     = {}
  nullable    = false

  validation {
    condition     = alltrue([for key, value in var.include_tags : can(regex(local.tag_key_length, key)) && can(regex(local.tag_value_length, value))])
    error_message = "include_tags must have keys of 1 to 128 and values of at most 256 characters; got: ${jsonencode(var.include_tags)}."
  }
}

variable "exclude_tags" {
  description = "Tags that each exclude a volume; `*` in a value matches any characters; to exclude a single volume, tag it `<tag_prefix>Skip` = `true`."
  type        = map(string)
  default     = {}
  nullable    = false

  validation {
    condition     = alltrue([for key, value in var.exclude_tags : can(regex(local.tag_key_length, key)) && can(regex(local.tag_value_length, value))])
    error_message = "exclude_tags must have keys of 1 to 128 and values of at most 256 characters; got: ${jsonencode(var.exclude_tags)}."
  }

  validation {
    condition     = !anytrue([for key, value in var.exclude_tags : lookup(var.include_tags, key, null) == value])
    error_message = "exclude_tags must not hold a tag that include_tags asks for, because then no volume is left; got in both: ${jsonencode({ for key, value in var.exclude_tags : key => value if lookup(var.include_tags, key, null) == value })}."
  }
}

variable "multi_volume_snapshots" {
  description = "Whether EC2 snapshots the selected volumes of one instance together, as one crash-consistent set."
  type        = bool
  default     = true
  nullable    = false
}

variable "copy_volume_tags" {
  description = "Whether a snapshot also gets its volume's tags, within EC2's limit of 50 tags."
  type        = bool
  default     = true
  nullable    = false
}

variable "snapshot_tags" {
  description = "Tags for every snapshot, at most 38, besides this module's own twelve."
  type        = map(string)
  default     = {}
  nullable    = false

  validation {
    condition     = length(var.snapshot_tags) <= 38
    error_message = "snapshot_tags must be at most 38 tags, because EC2 takes 50 and this module sets twelve; got: ${length(var.snapshot_tags)}."
  }

  validation {
    condition     = alltrue([for key, value in var.snapshot_tags : can(regex(local.tag_key_length, key)) && can(regex(local.tag_value_length, value))])
    error_message = "snapshot_tags must have keys of 1 to 128 and values of at most 256 characters; got: ${jsonencode(var.snapshot_tags)}."
  }

  validation {
    condition     = !anytrue([for key in keys(var.snapshot_tags) : startswith(lower(key), "aws:")])
    error_message = "snapshot_tags must not have keys that begin with aws:, which AWS reserves; got: ${jsonencode(var.snapshot_tags)}."
  }

  # IAM ignores the case of tag keys, so this rule ignores it too.
  validation {
    condition     = !anytrue([for key in keys(var.snapshot_tags) : key == "Name" || startswith(lower(key), lower(var.tag_prefix))])
    error_message = "snapshot_tags must not have the key Name or keys that begin with tag_prefix (${var.tag_prefix}), which this module sets; got: ${jsonencode(var.snapshot_tags)}."
  }
}

variable "tag_prefix" {
  description = "Prefix of this module's tag keys, 1 to 112 characters; the module no longer recognises snapshots made under another prefix."
  type        = string
  default     = "ebs-backup:"
  nullable    = false

  # The run role's IAM conditions contain these keys. There * and $ have a meaning of their own.
  validation {
    condition     = can(regex("^[A-Za-z0-9+=._:/@-]+$", var.tag_prefix))
    error_message = "tag_prefix must be made of letters a-z and A-Z, digits and + - = . _ : / @; got: ${var.tag_prefix}."
  }

  validation {
    condition     = length(var.tag_prefix) <= 112
    error_message = "tag_prefix must be at most 112 characters, because a tag key has at most 128 and the longest key is <tag_prefix>AvailabilityZone; got: ${var.tag_prefix}."
  }

  validation {
    condition     = !startswith(lower(var.tag_prefix), "aws:")
    error_message = "tag_prefix must not begin with aws:, which AWS reserves; got: ${var.tag_prefix}."
  }
}

variable "dry_run" {
  description = "Make every run a dry run, also one by hand: it only reports. A payload's `{\"dry_run\": false}` cannot change that."
  type        = bool
  default     = false
  nullable    = false
}

# When

variable "schedule_expression" {
  description = "When to run, in UTC: EventBridge's `cron(minutes hours day-of-month month day-of-week year)` or `rate(value unit)`; a rate counts from the rule's creation."
  type        = string
  default     = "cron(0 3 * * ? *)"
  nullable    = false

  validation {
    condition     = can(regex(local.cron_form, var.schedule_expression)) || can(regex(local.rate_form, var.schedule_expression))
    error_message = "schedule_expression must be cron(...) or rate(...), with one space between its parts (an EventBridge rule does not take at(...)); got: ${var.schedule_expression}."
  }

  validation {
    condition     = !can(regex(local.rate_form, var.schedule_expression)) || can(regex("^rate\\((1 (minute|hour|day)|([2-9]|[1-9][0-9]+) (minutes|hours|days))\\)$", var.schedule_expression))
    error_message = "schedule_expression must be rate(1 minute), rate(1 hour) or rate(1 day), or rate(N minutes), rate(N hours) or rate(N days) with an N above 1; got: ${var.schedule_expression}."
  }

  validation {
    condition     = !can(regex(local.cron_form, var.schedule_expression)) || can(regex(local.six_cron_fields, var.schedule_expression))
    error_message = "schedule_expression must have six fields, cron(minutes hours day-of-month month day-of-week year); got: ${var.schedule_expression}."
  }

  validation {
    condition = !can(regex(local.six_cron_fields, var.schedule_expression)) || alltrue([
      for place, field in local.cron_fields : can(regex(field.pattern, regex(local.six_cron_fields, var.schedule_expression)[place]))
    ])
    error_message = "schedule_expression must have valid fields: ${try(join("; ", [
      for place, text in regex(local.six_cron_fields, var.schedule_expression) :
      "${local.cron_fields[place].name} takes ${local.cron_fields[place].rule}, not ${text}" if !can(regex(local.cron_fields[place].pattern, text))
    ]), "")}; got: ${var.schedule_expression}."
  }

  validation {
    condition = !can(regex(local.six_cron_fields, var.schedule_expression)) || length([
      for place in [2, 4] : place if try(regex(local.six_cron_fields, var.schedule_expression)[place], "") == "?"
    ]) == 1
    error_message = "schedule_expression must have ? in exactly one of the fields day-of-month (the third) and day-of-week (the fifth); got: ${var.schedule_expression}."
  }
}

variable "schedule_enabled" {
  description = "Whether the schedule starts runs; without it you can still start a run by hand."
  type        = bool
  default     = true
  nullable    = false
}

# Where and how it runs

variable "engine" {
  description = "`lambda`: a run is one invocation of up to 15 minutes; `step_functions`: a state machine invokes the function as often as needed."
  type        = string
  default     = "lambda"
  nullable    = false

  validation {
    condition     = contains(["lambda", "step_functions"], var.engine)
    error_message = "engine must be lambda or step_functions; got: ${var.engine}."
  }
}

variable "request_rates" {
  description = "Requests a second that EC2 allows, for `CreateSnapshot`, `CreateSnapshots`, `CreateTags` or `DeleteSnapshot`, where your account's rate differs from AWS's published one."
  type        = map(number)
  default     = {}
  nullable    = false

  validation {
    condition     = length(setsubtract(keys(var.request_rates), local.metered_actions)) == 0
    error_message = "request_rates keys must be among ${join(", ", local.metered_actions)}; got: ${join(", ", setsubtract(keys(var.request_rates), local.metered_actions))}."
  }

  validation {
    condition     = alltrue([for rate in values(var.request_rates) : try(rate > 0, false)])
    error_message = "request_rates must be numbers above 0; got: ${jsonencode(var.request_rates)}."
  }
}

variable "request_bursts" {
  description = "Requests that EC2 allows at once, by action as in `request_rates`, where your account's burst differs from AWS's published one."
  type        = map(number)
  default     = {}
  nullable    = false

  validation {
    condition     = length(setsubtract(keys(var.request_bursts), local.metered_actions)) == 0
    error_message = "request_bursts keys must be among ${join(", ", local.metered_actions)}; got: ${join(", ", setsubtract(keys(var.request_bursts), local.metered_actions))}."
  }

  validation {
    condition     = alltrue([for burst in values(var.request_bursts) : try(burst >= 1, false)])
    error_message = "request_bursts must be numbers from 1; got: ${jsonencode(var.request_bursts)}."
  }
}

# The default encryption of an existing bucket must be S3's own, or that of kms_key_arn: the run role may use no other key.
# The module leaves the bucket's lifecycle to its owner.
variable "bucket" {
  description = "Name of an existing bucket in this region, known at plan time, for the function's package and the reports; null makes a bucket."
  type        = string
  default     = null

  validation {
    condition     = var.bucket == null || can(regex("^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$", var.bucket))
    error_message = "bucket must be a bucket's name: 3 to 63 lower-case letters, digits, dots and hyphens, a letter or digit at both ends; got: ${var.bucket == null ? "null" : var.bucket}."
  }
}

variable "bucket_force_destroy" {
  description = "Whether `terraform destroy` also deletes the reports in the module's own bucket; snapshots always stay."
  type        = bool
  default     = false
  nullable    = false
}

variable "memory_size" {
  description = "Memory of the function in MB, 128 to 10240."
  type        = number
  default     = 512
  nullable    = false

  validation {
    condition     = var.memory_size >= 128 && var.memory_size <= 10240 && floor(var.memory_size) == var.memory_size
    error_message = "memory_size must be a whole number of MB from 128 to 10240; got: ${var.memory_size}."
  }
}

variable "timeout" {
  description = "Time limit of one invocation in seconds, 60 to 900: of a whole run with `lambda`, of one round in one region with `step_functions`."
  type        = number
  default     = 900
  nullable    = false

  validation {
    condition     = var.timeout >= 60 && var.timeout <= 900 && floor(var.timeout) == var.timeout
    error_message = "timeout must be a whole number of seconds from 60 to 900; got: ${var.timeout}."
  }
}

variable "architecture" {
  description = "Instruction set of the function: `arm64`, which costs less, or `x86_64`, which every region has."
  type        = string
  default     = "arm64"
  nullable    = false

  validation {
    condition     = contains(["arm64", "x86_64"], var.architecture)
    error_message = "architecture must be arm64 or x86_64; got: ${var.architecture}."
  }
}

variable "reserved_concurrent_executions" {
  description = "Concurrent executions reserved for the function; with `step_functions` as many regions, at most 40, are visited at a time; -1 reserves none."
  type        = number
  default     = -1
  nullable    = false

  # With 0 Lambda never runs the function: the backups would end without an error.
  validation {
    condition     = (var.reserved_concurrent_executions == -1 || var.reserved_concurrent_executions >= 1) && floor(var.reserved_concurrent_executions) == var.reserved_concurrent_executions
    error_message = "reserved_concurrent_executions must be -1 or a whole number from 1 (to pause the backups, set schedule_enabled to false); got: ${var.reserved_concurrent_executions}."
  }
}

# The key's policy must let CloudWatch Logs and EventBridge use the key.
variable "kms_key_arn" {
  description = "ARN of a KMS key in this region that encrypts bucket, environment, logs and queues, but not the topic; null uses keys of AWS."
  type        = string
  default     = null

  validation {
    condition     = var.kms_key_arn == null || can(regex("^arn:[a-z-]+:kms:[a-z0-9-]+:[0-9]{12}:key/[A-Za-z0-9-]+$", var.kms_key_arn))
    error_message = "kms_key_arn must be the ARN of a key, not of an alias, such as arn:aws:kms:eu-west-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab; got: ${var.kms_key_arn == null ? "null" : var.kms_key_arn}."
  }
}

variable "permissions_boundary" {
  description = "ARN of the IAM policy that bounds what the roles may do; null sets no boundary."
  type        = string
  default     = null

  validation {
    condition     = var.permissions_boundary == null || can(regex("^arn:[a-z-]+:iam::([0-9]{12}|aws):policy/.+$", var.permissions_boundary))
    error_message = "permissions_boundary must be the ARN of an IAM policy, such as arn:aws:iam::111122223333:policy/boundary; got: ${var.permissions_boundary == null ? "null" : var.permissions_boundary}."
  }
}

variable "role_path" {
  description = "IAM path of the roles."
  type        = string
  default     = "/"
  nullable    = false

  validation {
    condition     = can(regex("^/([!-~]{1,510}/)?$", var.role_path))
    error_message = "role_path must be / or begin and end with /, at most 512 printable ASCII characters without spaces; got: ${var.role_path}."
  }
}

variable "tags" {
  description = "Tags of the resources that Terraform makes; snapshots get `snapshot_tags`."
  type        = map(string)
  default     = {}
  nullable    = false

  validation {
    condition     = length(var.tags) <= 50
    error_message = "tags must be at most 50 tags; got: ${length(var.tags)}."
  }

  validation {
    condition     = alltrue([for key, value in var.tags : can(regex(local.tag_key_length, key)) && can(regex(local.tag_value_length, value))])
    error_message = "tags must have keys of 1 to 128 and values of at most 256 characters; got: ${jsonencode(var.tags)}."
  }

  # The rule of IAM, which is the strictest service.
  validation {
    condition     = alltrue([for text in concat(keys(var.tags), values(var.tags)) : can(regex("^[\\p{L}\\p{Z}\\p{N}_.:/=+@-]*$", text))])
    error_message = "tags must be made of letters, digits, spaces and _ . : / = + - @; got: ${jsonencode(var.tags)}."
  }

  validation {
    condition     = !anytrue([for key in keys(var.tags) : startswith(lower(key), "aws:")])
    error_message = "tags must not have keys that begin with aws:, which AWS reserves; got: ${jsonencode(var.tags)}."
  }
}

# What is kept, and for how long

variable "retention" {
  description = "Snapshots of each volume to keep, by rule: `last`, `hourly`, `daily`, `weekly`, `monthly`, `yearly`; empty keeps every snapshot and lets the role delete none."
  type        = map(number)
  default     = {}
  nullable    = false

  validation {
    condition     = length(setsubtract(keys(var.retention), local.retention_rules)) == 0
    error_message = "retention keys must be among ${join(", ", local.retention_rules)}; got: ${join(", ", setsubtract(keys(var.retention), local.retention_rules))}."
  }

  validation {
    condition     = alltrue([for count in values(var.retention) : can(regex("^([0-9]{1,4}|10000)$", count))])
    error_message = "retention must count in whole numbers from 0 to 10000; got: ${jsonencode(var.retention)}."
  }

  validation {
    condition     = length(var.retention) == 0 || anytrue([for count in values(var.retention) : count != 0])
    error_message = "retention must keep at least one snapshot (an empty retention keeps all); got: ${jsonencode(var.retention)}."
  }
}

variable "confirmed_retention" {
  description = "The output `retention_code`, to confirm a retention that keeps less than an earlier one and let its deletions begin; null confirms none."
  type        = string
  default     = null

  validation {
    condition     = var.confirmed_retention == null || var.confirmed_retention == local.retention_code
    error_message = "confirmed_retention must be null, or ${local.retention_code}, the code of \"${local.terms}\"; got: ${var.confirmed_retention == null ? "null" : var.confirmed_retention}."
  }
}

variable "deletion_delay_days" {
  description = "Days, 1 to 365, between the announcement of a snapshot's deletion and the deletion."
  type        = number
  default     = 3
  nullable    = false

  validation {
    condition     = var.deletion_delay_days >= 1 && var.deletion_delay_days <= 365 && floor(var.deletion_delay_days) == var.deletion_delay_days
    error_message = "deletion_delay_days must be a whole number of days from 1 to 365; got: ${var.deletion_delay_days}."
  }
}

variable "orphan_retention_days" {
  description = "Age in days, from 1, at which a deleted volume's newest snapshot expires together with its older ones; null leaves them to `retention`."
  type        = number
  default     = null

  validation {
    condition     = var.orphan_retention_days == null || can(regex("^[1-9][0-9]*$", var.orphan_retention_days))
    error_message = "orphan_retention_days must be a whole number of days from 1, or null; got: ${var.orphan_retention_days == null ? "null" : var.orphan_retention_days}."
  }

  validation {
    condition     = var.orphan_retention_days == null || length(var.retention) > 0
    error_message = "orphan_retention_days must be null while retention is empty, because then nothing is deleted; got: ${var.orphan_retention_days == null ? "null" : var.orphan_retention_days}."
  }
}

variable "log_retention_in_days" {
  description = "Days to keep the logs; 0 keeps them for ever."
  type        = number
  default     = 90
  nullable    = false

  validation {
    condition     = contains(local.log_retentions, var.log_retention_in_days)
    error_message = "log_retention_in_days must be one of ${join(", ", local.log_retentions)}; got: ${var.log_retention_in_days}."
  }
}

# CloudWatch takes the metrics, and with them the alarms, from the log at the level INFO.
variable "log_level" {
  description = "Lowest level that the function logs, `DEBUG` or `INFO`."
  type        = string
  default     = "INFO"
  nullable    = false

  validation {
    condition     = contains(["DEBUG", "INFO"], var.log_level)
    error_message = "log_level must be DEBUG or INFO, because CloudWatch takes the metrics from the log at INFO; got: ${var.log_level}."
  }
}

variable "report_retention_days" {
  description = "Days, from 1, to keep the reports in the module's own bucket; null keeps them for ever."
  type        = number
  default     = 400

  validation {
    condition     = var.report_retention_days == null || can(regex("^[1-9][0-9]*$", var.report_retention_days))
    error_message = "report_retention_days must be a whole number of days from 1, or null; got: ${var.report_retention_days == null ? "null" : var.report_retention_days}."
  }
}

# Alarms and dashboard

variable "recovery_point_objective_hours" {
  description = "Maximum age in hours of a volume's newest completed snapshot: more than the longest time between two runs; above 168 removes the alarm `no-run`."
  type        = number
  default     = 26
  nullable    = false

  validation {
    condition     = var.recovery_point_objective_hours > 0
    error_message = "recovery_point_objective_hours must be a number of hours above 0; got: ${var.recovery_point_objective_hours}."
  }

  validation {
    condition     = var.recovery_point_objective_hours <= 0 || var.recovery_point_objective_hours > local.hours_between_runs
    error_message = "recovery_point_objective_hours must be longer than the time between two runs, which is ${var.schedule_expression}; got: ${var.recovery_point_objective_hours}."
  }
}

variable "notification_emails" {
  description = "Addresses that get a mail when an alarm begins or ends; AWS first asks each address to confirm."
  type        = set(string)
  default     = []
  nullable    = false

  validation {
    condition     = alltrue([for address in var.notification_emails : can(regex("^[^@\\s]+@[^@\\s]+[.][^@\\s.]+$", address))])
    error_message = "notification_emails must hold mail addresses, such as backup@example.com; got: ${join(", ", var.notification_emails)}."
  }
}

variable "alarm_actions" {
  description = "ARNs to notify when an alarm begins or ends, such as SNS topics of yours; at most 5, or 4 with `notification_emails`."
  type        = set(string)
  default     = []
  nullable    = false

  validation {
    condition     = alltrue([for action in var.alarm_actions : can(regex("^arn:[a-z-]+:[a-z0-9-]+:[a-z0-9-]*:([0-9]{12})?:.+$", action))])
    error_message = "alarm_actions must hold ARNs, such as arn:aws:sns:eu-west-1:111122223333:on-call; got: ${join(", ", var.alarm_actions)}."
  }

  validation {
    condition     = length(var.alarm_actions) <= (length(var.notification_emails) == 0 ? 5 : 4)
    error_message = "alarm_actions must be at most 5, or 4 if notification_emails has any, because CloudWatch takes 5; got: ${length(var.alarm_actions)}."
  }
}

variable "dashboard_enabled" {
  description = "Whether to make a CloudWatch dashboard of the runs."
  type        = bool
  default     = false
  nullable    = false
}

# What the rules above, and the function's reports, share

locals {
  retention_rules  = ["last", "hourly", "daily", "weekly", "monthly", "yearly"]
  retention_counts = [for rule in local.retention_rules : "${var.retention[rule]} ${rule}" if lookup(var.retention, rule, 0) > 0]
  # The reports use the same words.
  retention = "keep ${coalesce(join(", ", local.retention_counts), "every snapshot")}"

  # All that decides how long a snapshot is kept, in the words that the function writes into its description. The schedule is
  # part of it: the more often runs take place, the sooner a snapshot goes.
  terms = join("", compact([
    local.retention,
    var.orphan_retention_days == null ? "" : "; orphans ${var.orphan_retention_days} days",
    length(local.retention_counts) > 0 ? "; schedule ${substr(sha256(var.schedule_expression), 0, 8)}" : "",
  ]))
  retention_code = substr(sha256(local.terms), 0, 8)

  region_pattern = "^[a-z]{2,4}(-[a-z]+){1,2}-[0-9]{1,2}$"

  # EC2 limits each of these actions by a token bucket of its own, and a run calls them often.
  metered_actions = ["CreateSnapshot", "CreateSnapshots", "CreateTags", "DeleteSnapshot"]

  # EC2 counts code points. length() would count grapheme clusters.
  tag_key_length   = "(?s)^.{1,128}$"
  tag_value_length = "(?s)^.{0,256}$"

  # The periods that CloudWatch Logs takes.
  log_retentions = [0, 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653]

  cron_form       = "^cron\\([^ ()]+( [^ ()]+)*\\)$"
  rate_form       = "^rate\\([^ ()]+( [^ ()]+)*\\)$"
  six_cron_fields = "^cron\\(([^ ()]+) ([^ ()]+) ([^ ()]+) ([^ ()]+) ([^ ()]+) ([^ ()]+)\\)$"

  # 0 stands for a cron expression, whose longest pause needs a calendar.
  rate               = try(regex("^rate\\((?P<value>[0-9]+) (?P<unit>minute|hour|day)s?\\)$", var.schedule_expression), { value = 0, unit = "hour" })
  hours_between_runs = local.rate.value * { minute = 1 / 60, hour = 1, day = 24 }[local.rate.unit]

  # The table of https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-cron-expressions.html. Each field has a
  # pattern of one value, of the increment that may follow the value, and of what can only stand alone.
  cron_fields = [for field in [
    {
      name  = "minutes"
      rule  = "0-59 with , - * /"
      value = "[0-5]?[0-9]"
      step  = "(/([1-9]|[1-5][0-9]))?"
      alone = ""
    },
    {
      name  = "hours"
      rule  = "0-23 with , - * /"
      value = "[01]?[0-9]|2[0-3]"
      step  = "(/([1-9]|1[0-9]|2[0-3]))?"
      alone = ""
    },
    {
      name  = "day-of-month"
      rule  = "1-31 with , - * / or else ?, L or a day followed by W"
      value = local.day
      step  = "(/(${local.day}))?"
      alone = "|[?]|L|(${local.day})W"
    },
    {
      name  = "month"
      rule  = "1-12 or JAN-DEC with , - * /"
      value = "0?[1-9]|1[0-2]|JAN|FEB|MAR|APR|MAY|JUN|JUL|AUG|SEP|OCT|NOV|DEC"
      step  = "(/([1-9]|1[0-2]))?"
      alone = ""
    },
    {
      name  = "day-of-week"
      rule  = "1-7 or SUN-SAT with , - * or else ?, L or a day followed by L or by #1 to #5"
      value = local.weekday
      step  = ""
      alone = "|[?]|L|(${local.weekday})(L|#[1-5])"
    },
    {
      name  = "year"
      rule  = "1970-2199 with , - * /"
      value = "19[7-9][0-9]|2[01][0-9][0-9]"
      step  = "(/[1-9][0-9]{0,2})?"
      alone = ""
    },
    ] : {
    name    = field.name
    rule    = field.rule
    pattern = format("^(%[1]s(,%[1]s)*%[2]s)$", "([*]|(${field.value})(-(${field.value}))?)${field.step}", field.alone)
  }]
  day     = "0?[1-9]|[12][0-9]|3[01]"
  weekday = "[1-7]|SUN|MON|TUE|WED|THU|FRI|SAT"
}
