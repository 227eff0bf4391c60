### What is said of a grade. Values in quotes, names of checks, attributes and phases stay as they
### are in the scenario language.

## What became of a check, a group, a task, a skill, a block

verdict-pass = pass
verdict-fail = fail
verdict-not-asked = not asked
verdict-unknown = unknown
standing-acquired = acquired
standing-not-acquired = not acquired
standing-undecided = undecided
for-evaluator = for an evaluator

## What was expected

# $part (String)
expected-contains = contains { $part }
# $pattern (String)
expected-matches = matches /{ $pattern }/
# $values (String)
expected-one-of = one of { $values }
# $number (String)
expected-at-least = at least { $number }
# $number (String)
expected-at-most = at most { $number }
# $inner (String)
expected-not = not ({ $inner })
# $left (String)
# $right (String)
expected-any = { $left } or { $right }
# $left (String)
# $right (String)
expected-all = { $left } and { $right }
expected-nothing = nothing at all
expected-anything = anything

## Why nothing is said about what was seen

reason-no-fact = it was not asked, since its phase was not graded
# $why (String)
reason-could-not-look = nobody could look: { $why }
reason-other-answer = the agent answered another question
# $check (String)
reason-need-failed = it needs `{ $check }`, which does not pass
# $check (String)
reason-need-unknown = it needs `{ $check }`, and nobody could look at that

## What was asked, expected and seen

label-asked = asked
label-expected = expected
label-seen = seen
label-reason = reason
label-hint = hint
# $question (String)
# $observer (String)
asked-from = { $question } from { $observer }
seen-nothing = nothing of the kind
# $attribute (String)
# $expected (String)
# $seen (String)
finding = expected: { $attribute } { $expected }; seen: { $seen }

## Tables

head-check = CHECK
head-phase = PHASE
head-by = BY
head-verdict = VERDICT
head-points = POINTS
head-notes = NOTES
head-asked = ASKED
head-skill = SKILL
head-block = BLOCK
head-needed = NEEDED
head-acquired = ACQUIRED
head-title = TITLE
note-bonus = bonus
note-critical = critical
# $group (String)
note-group = group { $group }
# $checks (String)
note-needs = needs { $checks }
# $percent (String)
percent = { $percent } %
# $acquired (String)
# $of (String)
block-share = { $acquired } of { $of }
# $count (Number)
not-examined = { $count ->
    [one] , { $count } not examined
   *[other] , { $count } not examined
}

## The sum

# $points (String)
# $of (String)
sum-points = { $points } of { $of } points
# $passed (String)
# $count (Number)
sum-passed = { $count ->
    [one] { $passed } of { $count } check passes
   *[other] { $passed } of { $count } checks pass
}
# $count (Number)
sum-not-asked = { $count ->
    [one] { $count } not asked
   *[other] { $count } not asked
}
# $count (Number)
sum-unknown = { $count ->
    [one] { $count } unknown, so it is not final
   *[other] { $count } unknown, so it is not final
}
# $count (Number)
sum-for-evaluator = { $count ->
    [one] { $count } task for an evaluator
   *[other] { $count } tasks for an evaluator
}
nothing-shown = nothing is shown to candidates in this mode
