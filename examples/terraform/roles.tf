# The three roles of guardian, each with what guardian iam --role prints for it.
locals {
  functions = [
    "arn:aws:lambda:${var.region}:${var.account_id}:function:${var.function}",
    "arn:aws:lambda:${var.region}:${var.account_id}:function:${var.function}:*",
  ]
  table = "arn:aws:dynamodb:${var.region}:${var.account_id}:table/${var.table}"
  policies = {
    act         = data.aws_iam_policy_document.act.json
    read        = data.aws_iam_policy_document.read.json
    break_glass = data.aws_iam_policy_document.break_glass.json
  }
}

# What the daemon needs, and a pipeline that drives a rollout by itself.
data "aws_iam_policy_document" "act" {
  statement {
    actions = [
      "cloudformation:DescribeStackResources",
      "cloudformation:GetTemplate",
      "cloudwatch:GetMetricData",
      "cloudwatch:ListMetrics",
    ]
    resources = ["*"]
  }

  statement {
    actions = [
      "dynamodb:BatchGetItem",
      "dynamodb:BatchWriteItem",
      "dynamodb:ConditionCheckItem",
      "dynamodb:DeleteItem",
      "dynamodb:PutItem",
      "dynamodb:Query",
      "dynamodb:UpdateItem",
    ]
    resources = [local.table]
  }

  statement {
    actions = [
      "lambda:GetAlias",
      "lambda:GetFunctionConfiguration",
      "lambda:GetProvisionedConcurrencyConfig",
      "lambda:ListVersionsByFunction",
      "lambda:UpdateAlias",
    ]
    resources = local.functions
  }
}

# Judges, and moves no traffic: guardian watch --observe, guardian doctor, and orders to a daemon.
data "aws_iam_policy_document" "read" {
  statement {
    actions = [
      "cloudformation:DescribeStackResources",
      "cloudformation:GetTemplate",
      "cloudwatch:GetMetricData",
      "cloudwatch:ListMetrics",
    ]
    resources = ["*"]
  }

  statement {
    actions = [
      "dynamodb:BatchGetItem",
      "dynamodb:BatchWriteItem",
      "dynamodb:ConditionCheckItem",
      "dynamodb:DeleteItem",
      "dynamodb:PutItem",
      "dynamodb:Query",
      "dynamodb:UpdateItem",
    ]
    resources = [local.table]
  }

  statement {
    actions = [
      "lambda:GetAlias",
      "lambda:GetFunctionConfiguration",
      "lambda:GetProvisionedConcurrencyConfig",
      "lambda:ListVersionsByFunction",
    ]
    resources = local.functions
  }
}

# guardian rollback by a person, and nothing else: no metrics.
data "aws_iam_policy_document" "break_glass" {
  statement {
    actions = [
      "dynamodb:BatchGetItem",
      "dynamodb:BatchWriteItem",
      "dynamodb:ConditionCheckItem",
      "dynamodb:DeleteItem",
      "dynamodb:PutItem",
      "dynamodb:Query",
      "dynamodb:UpdateItem",
    ]
    resources = [local.table]
  }

  statement {
    actions = [
      "lambda:GetAlias",
      "lambda:GetFunctionConfiguration",
      "lambda:GetProvisionedConcurrencyConfig",
      "lambda:ListVersionsByFunction",
      "lambda:UpdateAlias",
    ]
    resources = local.functions
  }
}

data "aws_iam_policy_document" "trust" {
  for_each = local.policies

  statement {
    actions = ["sts:AssumeRole"]

    principals {
      type        = "AWS"
      identifiers = var.trusted[each.key]
    }
  }
}

resource "aws_iam_role" "guardian" {
  for_each = local.policies

  name               = "guardian-${replace(each.key, "_", "-")}"
  assume_role_policy = data.aws_iam_policy_document.trust[each.key].json
}

resource "aws_iam_role_policy" "guardian" {
  for_each = local.policies

  name   = "guardian"
  role   = aws_iam_role.guardian[each.key].id
  policy = each.value
}

output "roles" {
  description = "The roles' ARNs; the one of act is role_arn in guardian's configuration."
  value       = { for name, role in aws_iam_role.guardian : name => role.arn }
}
