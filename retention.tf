# The rules of retention, and what those in force come to, in the very words of the runs' reports.

locals {
  retention_rules = [
    { name = "last", words = "the last %d snapshot%s" },
    { name = "hourly", words = "one an hour for %d hour%s" },
    { name = "daily", words = "one a day for %d day%s" },
    { name = "weekly", words = "one a week for %d week%s" },
    { name = "monthly", words = "one a month for %d month%s" },
    { name = "yearly", words = "one a year for %d year%s" },
  ]

  retention_parts = [
    for rule in local.retention_rules : format(rule.words, var.retention[rule.name], var.retention[rule.name] == 1 ? "" : "s")
    if lookup(var.retention, rule.name, 0) > 0
  ]
  retention_policy = length(local.retention_parts) == 0 ? "keeps every snapshot" : join("", [
    "keeps of each volume ${join(", ", local.retention_parts)}, and always the newest; deletes the others; ",
    "counts only periods with a completed snapshot, and keeps the newest of each",
  ])
}
