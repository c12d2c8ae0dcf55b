# What is backed up

variable "name" {
  description = "Name of this deployment, unique in the account: its function, role, schedule and queues bear it, and every snapshot it makes is tagged with it."
  type        = string
  default     = "ebs-backup"
  nullable    = false

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{0,35}$", var.name))
    error_message = "name must be 1 to 36 lower-case letters, digits and hyphens, the first one a letter, since a bucket's name begins with it; got: ${var.name}."
  }

  validation {
    condition     = !anytrue([for reserved in ["xn--", "sthree-", "amzn-s3-demo-"] : startswith(var.name, reserved)])
    error_message = "name must not begin with xn--, sthree- or amzn-s3-demo-, which S3 keeps for itself; got: ${var.name}."
  }
}

variable "regions" {
  description = "Regions to back up; empty means every region that is enabled for the account, looked up at each run."
  type        = set(string)
  default     = []
  nullable    = false

  validation {
    condition     = alltrue([for region in var.regions : can(regex(local.region_pattern, region))])
    error_message = "regions must hold names of regions, such as eu-west-1; got: ${join(", ", var.regions)}."
  }
}

variable "exclude_regions" {
  description = "Regions to leave out when every enabled region is backed up."
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
  description = "Regions that the account is known to be denied, by a service control policy for instance: being denied there does not fail the run."
  type        = set(string)
  default     = []
  nullable    = false

  validation {
    condition     = alltrue([for region in var.expected_denied_regions : can(regex(local.region_pattern, region))])
    error_message = "expected_denied_regions must hold names of regions, such as eu-west-1; got: ${join(", ", var.expected_denied_regions)}."
  }
}

variable "include_tags" {
  description = "Tags that a volume must carry, all of them, to be backed up, where `*` in a value stands for any characters; empty means every in-use volume."
  type        = map(string)
  default     = {}
  nullable    = false

  validation {
    condition     = alltrue([for key, value in var.include_tags : can(regex(local.tag_key_length, key)) && can(regex(local.tag_value_length, value))])
    error_message = "include_tags must have keys of 1 to 128 and values of at most 256 characters; got: ${jsonencode(var.include_tags)}."
  }
}

variable "exclude_tags" {
  description = "Tags any of which keeps a volume from being backed up, where `*` in a value stands for any characters; a single volume is better left out by the tag `<tag_prefix>Skip` = `true`."
  type        = map(string)
  default     = {}
  nullable    = false

  validation {
    condition     = alltrue([for key, value in var.exclude_tags : can(regex(local.tag_key_length, key)) && can(regex(local.tag_value_length, value))])
    error_message = "exclude_tags must have keys of 1 to 128 and values of at most 256 characters; got: ${jsonencode(var.exclude_tags)}."
  }

  validation {
    condition     = !anytrue([for key, value in var.exclude_tags : lookup(var.include_tags, key, null) == value])
    error_message = "exclude_tags must not hold a tag that include_tags asks for, or no volume is left; got in both: ${jsonencode({ for key, value in var.exclude_tags : key => value if lookup(var.include_tags, key, null) == value })}."
  }
}

variable "multi_volume_snapshots" {
  description = "Whether the volumes of one instance are snapshotted together, as one crash-consistent set, when more than one of them is selected."
  type        = bool
  default     = true
  nullable    = false
}

variable "copy_volume_tags" {
  description = "Whether a snapshot gets its volume's own tags too, as far as EC2's limit of 50 tags allows."
  type        = bool
  default     = true
  nullable    = false
}

variable "snapshot_tags" {
  description = "Tags that every snapshot gets besides this module's own twelve."
  type        = map(string)
  default     = {}
  nullable    = false

  validation {
    condition     = length(var.snapshot_tags) <= 38
    error_message = "snapshot_tags must be at most 38 tags, since EC2 takes 50 and twelve are this module's own; got: ${length(var.snapshot_tags)}."
  }

  validation {
    condition     = alltrue([for key, value in var.snapshot_tags : can(regex(local.tag_key_length, key)) && can(regex(local.tag_value_length, value))])
    error_message = "snapshot_tags must have keys of 1 to 128 and values of at most 256 characters; got: ${jsonencode(var.snapshot_tags)}."
  }

  validation {
    condition     = !anytrue([for key in keys(var.snapshot_tags) : startswith(lower(key), "aws:")])
    error_message = "snapshot_tags must not have keys that begin with aws:, which AWS keeps for itself; got: ${jsonencode(var.snapshot_tags)}."
  }

  # IAM compares tag keys without regard to case, so neither does this rule.
  validation {
    condition     = !anytrue([for key in keys(var.snapshot_tags) : key == "Name" || startswith(lower(key), lower(var.tag_prefix))])
    error_message = "snapshot_tags must have neither the key Name nor keys that begin with tag_prefix (${var.tag_prefix}), which this module sets itself; got: ${jsonencode(var.snapshot_tags)}."
  }
}

variable "tag_prefix" {
  description = "Beginning of the keys of this module's own tags, 1 to 112 characters; snapshots made under another prefix are no longer recognised."
  type        = string
  default     = "ebs-backup:"
  nullable    = false

  # These keys are also written into the run role's IAM conditions, where a space, * or $ would not be safe.
  validation {
    condition     = can(regex("^[A-Za-z0-9+=._:/@-]+$", var.tag_prefix))
    error_message = "tag_prefix must be made of letters a-z and A-Z, digits and + - = . _ : / @; got: ${var.tag_prefix}."
  }

  validation {
    condition     = length(var.tag_prefix) <= 112
    error_message = "tag_prefix must be at most 112 characters, since a tag key is at most 128 and the longest one is <tag_prefix>AvailabilityZone; got: ${var.tag_prefix}."
  }

  validation {
    condition     = !startswith(lower(var.tag_prefix), "aws:")
    error_message = "tag_prefix must not begin with aws:, which AWS keeps for itself; got: ${var.tag_prefix}."
  }
}

variable "dry_run" {
  description = "Whether scheduled runs only report what they would do."
  type        = bool
  default     = false
  nullable    = false
}

# When

variable "schedule_expression" {
  description = "When to run, in UTC, as EventBridge's `cron(minutes hours day-of-month month day-of-week year)` or `rate(value unit)`; a rate counts from when the rule is made."
  type        = string
  default     = "cron(0 3 * * ? *)"
  nullable    = false

  validation {
    condition     = can(regex(local.cron_form, var.schedule_expression)) || can(regex(local.rate_form, var.schedule_expression))
    error_message = "schedule_expression must be cron(...) or rate(...), with one space between its parts (a rule knows no at(...)); got: ${var.schedule_expression}."
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
    error_message = "schedule_expression must keep to its fields' values: ${try(join("; ", [
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
  description = "Whether the schedule runs; when it does not, the function can still be invoked by hand."
  type        = bool
  default     = true
  nullable    = false
}

# Where and how it runs

variable "engine" {
  description = "What makes a run: `lambda`, one invocation of the function for all regions, or `step_functions`, a state machine that invokes it for each region as often as that takes, so that a run may take longer than 15 minutes."
  type        = string
  default     = "lambda"
  nullable    = false

  validation {
    condition     = contains(["lambda", "step_functions"], var.engine)
    error_message = "engine must be lambda or step_functions; got: ${var.engine}."
  }
}

variable "request_rates" {
  description = "Requests a second at which EC2 refills the account's bucket of an action, by action, `CreateSnapshot`, `CreateSnapshots`, `CreateTags` or `DeleteSnapshot`, where they are not what AWS publishes: because AWS has raised them, or to leave some to other tools."
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
  description = "Requests that EC2's bucket of an action holds when it is full, by action as in request_rates, where they are not what AWS publishes."
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

variable "bucket" {
  description = "Name of an existing bucket in this region for the function's package and the runs' reports, known when planning, with a default encryption that is S3's own or of kms_key_arn; null makes one. What runs leave in an existing bucket, with the engine `step_functions` also under `<name>/rounds/`, nothing but a lifecycle of its own removes."
  type        = string
  default     = null

  validation {
    condition     = var.bucket == null || can(regex("^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$", var.bucket))
    error_message = "bucket must be a bucket's name: 3 to 63 lower-case letters, digits, dots and hyphens, a letter or digit at both ends; got: ${var.bucket == null ? "null" : var.bucket}."
  }
}

variable "bucket_force_destroy" {
  description = "Whether destroying the bucket that this module makes also deletes the reports in it; if not, a bucket with reports stays. Snapshots stay in any case."
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
  description = "Time that one invocation of the function may take, in seconds, 60 to 900: with the engine `lambda` all of a run, with `step_functions` one round in one region."
  type        = number
  default     = 900
  nullable    = false

  validation {
    condition     = var.timeout >= 60 && var.timeout <= 900 && floor(var.timeout) == var.timeout
    error_message = "timeout must be a whole number of seconds from 60 to 900; got: ${var.timeout}."
  }
}

variable "architecture" {
  description = "Instruction set of the function, `arm64` or `x86_64`; the first is the cheaper one, the second is there in every region."
  type        = string
  default     = "arm64"
  nullable    = false

  validation {
    condition     = contains(["arm64", "x86_64"], var.architecture)
    error_message = "architecture must be arm64 or x86_64; got: ${var.architecture}."
  }
}

variable "reserved_concurrent_executions" {
  description = "Number of concurrent executions reserved for the function, taken from those of the account; with the engine `step_functions` as many regions are visited at a time, 40 at the most, and the others wait for their turn; -1 reserves none."
  type        = number
  default     = -1
  nullable    = false

  # Lambda reads 0 as "never run", which would quietly end the backups.
  validation {
    condition     = (var.reserved_concurrent_executions == -1 || var.reserved_concurrent_executions >= 1) && floor(var.reserved_concurrent_executions) == var.reserved_concurrent_executions
    error_message = "reserved_concurrent_executions must be -1 or a whole number from 1 (to pause the backups, set schedule_enabled to false); got: ${var.reserved_concurrent_executions}."
  }
}

variable "kms_key_arn" {
  description = "ARN of a KMS key of this region that encrypts package, reports, the function's environment, its logs, queues and the topic, and whose policy admits CloudWatch, CloudWatch Logs and EventBridge; null leaves them to keys of AWS."
  type        = string
  default     = null

  validation {
    condition     = var.kms_key_arn == null || can(regex("^arn:[a-z-]+:kms:[a-z0-9-]+:[0-9]{12}:key/[A-Za-z0-9-]+$", var.kms_key_arn))
    error_message = "kms_key_arn must be the ARN of a key, not of an alias, such as arn:aws:kms:eu-west-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab; got: ${var.kms_key_arn == null ? "null" : var.kms_key_arn}."
  }
}

variable "permissions_boundary" {
  description = "ARN of the IAM policy that bounds what the roles may do; null sets no bound."
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
  description = "Tags of the resources that this module makes with Terraform; those of the snapshots are snapshot_tags."
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

  # IAM's rule, the strictest of the services'.
  validation {
    condition     = alltrue([for text in concat(keys(var.tags), values(var.tags)) : can(regex("^[\\p{L}\\p{Z}\\p{N}_.:/=+@-]*$", text))])
    error_message = "tags must be made of letters, digits, spaces and _ . : / = + - @; got: ${jsonencode(var.tags)}."
  }

  validation {
    condition     = !anytrue([for key in keys(var.tags) : startswith(lower(key), "aws:")])
    error_message = "tags must not have keys that begin with aws:, which AWS keeps for itself; got: ${jsonencode(var.tags)}."
  }
}

# How long, and how much is told

variable "retention" {
  description = "Snapshots of each volume to keep, by rule: the `last` so many, and the newest of each of so many `hourly`, `daily`, `weekly`, `monthly` and `yearly` periods that have one; empty means that nothing is ever deleted, and the role cannot delete."
  type        = map(number)
  default     = {}
  nullable    = false

  validation {
    condition     = length(setsubtract(keys(var.retention), local.retention_rules[*].name)) == 0
    error_message = "retention keys must be among ${join(", ", local.retention_rules[*].name)}; got: ${join(", ", setsubtract(keys(var.retention), local.retention_rules[*].name))}."
  }

  validation {
    condition     = alltrue([for count in values(var.retention) : can(regex("^[0-9]+$", count))])
    error_message = "retention must count in whole numbers from 0; got: ${jsonencode(var.retention)}."
  }

  validation {
    condition     = length(var.retention) == 0 || anytrue([for count in values(var.retention) : count != 0])
    error_message = "retention must keep something (only an empty one keeps everything); got: ${jsonencode(var.retention)}."
  }
}

variable "max_deletions_per_run" {
  description = "Most snapshots that one run may delete in one region; a plan above it deletes nothing there and fails the run."
  type        = number
  default     = 1000
  nullable    = false

  validation {
    condition     = var.max_deletions_per_run >= 1 && floor(var.max_deletions_per_run) == var.max_deletions_per_run
    error_message = "max_deletions_per_run must be a whole number from 1 (to delete nothing at all, leave retention empty); got: ${var.max_deletions_per_run}."
  }
}

variable "max_deletions_percent" {
  description = "Most of this deployment's snapshots in one region that one run may delete, in percent, 1 to 100; a plan above it, if of more than 20 deletions, deletes nothing there and fails the run."
  type        = number
  default     = 50
  nullable    = false

  validation {
    condition     = var.max_deletions_percent >= 1 && var.max_deletions_percent <= 100 && floor(var.max_deletions_percent) == var.max_deletions_percent
    error_message = "max_deletions_percent must be a whole number from 1 to 100; got: ${var.max_deletions_percent}."
  }
}

variable "orphan_retention_days" {
  description = "Age, in days, at which the newest snapshot of a volume that no longer exists is deleted together with all its older ones; null keeps for ever what retention keeps of them."
  type        = number
  default     = null

  validation {
    condition     = var.orphan_retention_days == null || can(regex("^[1-9][0-9]*$", var.orphan_retention_days))
    error_message = "orphan_retention_days must be a whole number of days from 1, or null; got: ${var.orphan_retention_days == null ? "null" : var.orphan_retention_days}."
  }

  validation {
    condition     = var.orphan_retention_days == null || length(var.retention) > 0
    error_message = "orphan_retention_days must be null while retention is empty, since nothing is ever deleted then; got: ${var.orphan_retention_days == null ? "null" : var.orphan_retention_days}."
  }
}

variable "log_retention_in_days" {
  description = "Time that the runs' logs are kept, in days; 0 keeps them for ever."
  type        = number
  default     = 90
  nullable    = false

  validation {
    condition     = contains(local.log_retentions, var.log_retention_in_days)
    error_message = "log_retention_in_days must be one of ${join(", ", local.log_retentions)}; got: ${var.log_retention_in_days}."
  }
}

# The metrics, and with them the alarms, are taken from the log, at the level INFO.
variable "log_level" {
  description = "Least level of what the function logs, `DEBUG` or `INFO`."
  type        = string
  default     = "INFO"
  nullable    = false

  validation {
    condition     = contains(["DEBUG", "INFO"], var.log_level)
    error_message = "log_level must be DEBUG or INFO, since metrics and alarms live on what is logged at INFO; got: ${var.log_level}."
  }
}

variable "report_retention_days" {
  description = "Time that the runs' reports are kept in the bucket that this module makes, in days, from 1; null keeps them for ever. The objects of an existing bucket are left to its owner. The default is a year, and a month in which to look back at all of it."
  type        = number
  default     = 400

  validation {
    condition     = var.report_retention_days == null || can(regex("^[1-9][0-9]*$", var.report_retention_days))
    error_message = "report_retention_days must be a whole number of days from 1, or null; got: ${var.report_retention_days == null ? "null" : var.report_retention_days}."
  }
}

# Who is told, and of what

variable "recovery_point_objective_hours" {
  description = "Age, in hours, up to which a volume's newest completed snapshot, whoever made it, counts as recent enough; it must exceed the longest time between two runs by what a run and its snapshots take. The default fits a daily schedule. Above 168 no alarm can tell that runs have stopped, since CloudWatch looks back 7 days at most."
  type        = number
  default     = 26
  nullable    = false

  validation {
    condition     = var.recovery_point_objective_hours > 0
    error_message = "recovery_point_objective_hours must be a number of hours above 0; got: ${var.recovery_point_objective_hours}."
  }

  validation {
    condition     = var.recovery_point_objective_hours <= 0 || var.recovery_point_objective_hours > local.hours_between_runs
    error_message = "recovery_point_objective_hours must be longer than the time between two runs, which schedule_expression sets to ${var.schedule_expression}; got: ${var.recovery_point_objective_hours}."
  }
}

variable "notification_emails" {
  description = "Addresses that get a mail when an alarm begins or ends; AWS first asks each of them to confirm."
  type        = set(string)
  default     = []
  nullable    = false

  validation {
    condition     = alltrue([for address in var.notification_emails : can(regex("^[^@\\s]+@[^@\\s]+[.][^@\\s.]+$", address))])
    error_message = "notification_emails must hold mail addresses, such as backup@example.com; got: ${join(", ", var.notification_emails)}."
  }
}

variable "alarm_actions" {
  description = "ARNs of what else to notify when an alarm begins or ends, such as SNS topics of yours; at most 5, or 4 besides notification_emails."
  type        = set(string)
  default     = []
  nullable    = false

  validation {
    condition     = alltrue([for action in var.alarm_actions : can(regex("^arn:[a-z-]+:[a-z0-9-]+:[a-z0-9-]*:([0-9]{12})?:.+$", action))])
    error_message = "alarm_actions must hold ARNs, such as arn:aws:sns:eu-west-1:111122223333:on-call; got: ${join(", ", var.alarm_actions)}."
  }

  validation {
    condition     = length(var.alarm_actions) <= (length(var.notification_emails) == 0 ? 5 : 4)
    error_message = "alarm_actions must be at most 5, or 4 if notification_emails has any, since that is all CloudWatch takes; got: ${length(var.alarm_actions)}."
  }
}

variable "dashboard_enabled" {
  description = "Whether there is a CloudWatch dashboard of the runs."
  type        = bool
  default     = false
  nullable    = false
}

# The rules' vocabulary

locals {
  region_pattern = "^[a-z]{2,4}(-[a-z]+){1,2}-[0-9]{1,2}$"

  # Those calls of a run that EC2 meters each in a bucket of its own, and that a run makes many of.
  metered_actions = ["CreateSnapshot", "CreateSnapshots", "CreateTags", "DeleteSnapshot"]

  # Not length(), which counts what a reader sees as one character: EC2 counts code points.
  tag_key_length   = "(?s)^.{1,128}$"
  tag_value_length = "(?s)^.{0,256}$"

  # The periods that CloudWatch Logs takes.
  log_retentions = [0, 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653]

  cron_form       = "^cron\\([^ ()]+( [^ ()]+)*\\)$"
  rate_form       = "^rate\\([^ ()]+( [^ ()]+)*\\)$"
  six_cron_fields = "^cron\\(([^ ()]+) ([^ ()]+) ([^ ()]+) ([^ ()]+) ([^ ()]+) ([^ ()]+)\\)$"

  # 0 stands for a cron expression, from which it is not so easily told.
  rate               = try(regex("^rate\\((?P<value>[0-9]+) (?P<unit>minute|hour|day)s?\\)$", var.schedule_expression), { value = 0, unit = "hour" })
  hours_between_runs = local.rate.value * { minute = 1 / 60, hour = 1, day = 24 }[local.rate.unit]

  # The table of https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-cron-expressions.html: of each field one
  # value, the increment that may follow it, and what stands alone in it.
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
