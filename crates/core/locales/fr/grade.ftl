### Ce qui est dit d’une note. Les valeurs entre guillemets, les noms de contrôles, d’attributs et de
### phases restent ceux du langage des scénarios.

## Ce qu’il est advenu d’un contrôle, d’un groupe, d’une tâche, d’une compétence, d’un bloc

verdict-pass = réussi
verdict-fail = échoué
verdict-not-asked = non demandé
verdict-unknown = inconnu
standing-acquired = acquis
standing-not-acquired = non acquis
standing-undecided = à décider
for-evaluator = pour un évaluateur

## Ce qui était attendu

expected-contains = contient { $part }
expected-matches = correspond à /{ $pattern }/
expected-one-of = l’une des valeurs { $values }
expected-at-least = au moins { $number }
expected-at-most = au plus { $number }
expected-not = pas ({ $inner })
expected-any = { $left } ou { $right }
expected-all = { $left } et { $right }
expected-nothing = rien du tout
expected-anything = n’importe quelle valeur

## Pourquoi rien n’est dit de ce qui a été vu

reason-no-fact = il n’a pas été demandé, car sa phase n’a pas été notée
reason-could-not-look = personne n’a pu regarder : { $why }
reason-other-answer = l’agent a répondu à une autre question
reason-need-failed = il dépend de « { $check } », qui n’est pas réussi
reason-need-unknown = il dépend de « { $check } », que personne n’a pu regarder

## Ce qui a été demandé, attendu et vu

label-asked = demandé
label-expected = attendu
label-seen = vu
label-reason = motif
label-hint = indice
asked-from = { $question } depuis { $observer }
seen-nothing = rien de tel
finding = attendu : { $attribute } { $expected } ; vu : { $seen }

## Tableaux

head-check = CONTRÔLE
head-phase = PHASE
head-by = PAR
head-verdict = VERDICT
head-points = POINTS
head-notes = NOTES
head-asked = DEMANDÉ
head-skill = COMPÉTENCE
head-block = BLOC
head-needed = REQUIS
head-acquired = ACQUISES
head-title = INTITULÉ
note-bonus = bonus
note-critical = critique
note-group = groupe { $group }
note-needs = dépend de { $checks }
percent = { $percent } %
block-share = { $acquired } sur { $of }
not-examined = { $count ->
    [one] , { $count } non examinée
   *[other] , { $count } non examinées
}

## Le total

sum-points = { $points } points sur { $of }
sum-passed = { $count ->
    [one] { $passed } contrôle réussi sur { $count }
   *[other] { $passed } contrôles réussis sur { $count }
}
sum-not-asked = { $count ->
    [one] { $count } non demandé
   *[other] { $count } non demandés
}
sum-unknown = { $count ->
    [one] { $count } inconnu, donc rien n’est définitif
   *[other] { $count } inconnus, donc rien n’est définitif
}
sum-for-evaluator = { $count ->
    [one] { $count } tâche pour un évaluateur
   *[other] { $count } tâches pour un évaluateur
}
nothing-shown = dans ce mode, rien n’est montré aux candidats
