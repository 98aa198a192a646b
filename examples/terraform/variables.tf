variable "account_id" {
  description = "The account that guardian acts in, as its configuration names it."
  type        = string
  default     = "333333333333"
}

variable "region" {
  description = "The region of the function and of the journal's table."
  type        = string
  default     = "us-east-1"
}

variable "function" {
  description = "The function whose alias guardian moves."
  type        = string
  default     = "agents-api"
}

variable "table" {
  description = "The journal's table, as the configuration names it: journal: dynamodb:NAME."
  type        = string
  default     = "guardian"
}

variable "trusted" {
  description = "Who may become each role: principals' ARNs. The daemon's own role, the pipeline's, people's."
  type = object({
    act         = list(string)
    read        = list(string)
    break_glass = list(string)
  })
}
