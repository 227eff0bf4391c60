//! Proofs: check by row, lab by column.

use std::collections::BTreeSet;

use comfy_table::{CellAlignment, Table, presets};
use plateau_core::grade::Verdict;
use plateau_core::messages::Messages;
use plateau_core::proof::Proof;

use super::reason::{mark, reason};
use super::{count, lines};
use crate::style::{FAINT, GOOD, HEAD, WRONG, styled};

/// A proof: the table, what its columns are, what is wrong, and the sentence.
pub(crate) fn proof(proof: &Proof, messages: &Messages) -> String {
    let mut text = marks(proof);
    text.push('\n');
    for (index, column) in proof.columns.iter().enumerate() {
        text.push_str(&format!("{:>3}  {}\n", index + 1, column.label()));
    }
    let legend = "✓ pass   ✗ fail   – not asked   ? unknown   · not graded   ! not as it must be";
    text.push_str(&format!("     {}\n\n", styled(FAINT, legend)));
    for flaw in &proof.flaws {
        text.push_str(&format!(
            "{} {} {}\n",
            styled(WRONG, format!("{}:", flaw.column.label())),
            flaw.message,
            styled(FAINT, format!("[{}]", flaw.code)),
        ));
        if let Some(check) = &flaw.check {
            for line in reason(check, messages).lines() {
                text.push_str(&format!("    {line}\n"));
            }
        }
    }
    if !proof.flaws.is_empty() {
        text.push('\n');
    }
    let labs = count(proof.columns.len(), "lab");
    let checks = count(proof.rows.len(), "check");
    text.push_str(&match proof.holds {
        true => format!(
            "{}: {checks} in {labs}, all as they must be{}\n",
            styled(GOOD, format!("`{}` is proven", proof.scenario)),
            match proof.complete {
                true => "",
                false => "; sessions ask for all labs of every draw",
            }
        ),
        false => format!(
            "{}: {} found in {labs}\n",
            styled(WRONG, format!("`{}` is not proven", proof.scenario)),
            count(proof.flaws.len(), "flaw")
        ),
    });
    text.push_str(&format!(
        "{}\n",
        styled(FAINT, format!("hash {}", proof.hash))
    ));
    text
}

fn marks(proof: &Proof) -> String {
    let flawed: BTreeSet<(&str, String)> = proof
        .flaws
        .iter()
        .filter_map(|flaw| Some((flaw.check.as_ref()?.id.as_str(), flaw.column.label())))
        .collect();
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    let head = (1..=proof.columns.len()).map(|number| styled(HEAD, number));
    table.set_header(std::iter::once(styled(HEAD, "CHECK")).chain(head));
    for row in &proof.rows {
        let none = Vec::new();
        let verdicts = proof.verdicts.get(row).unwrap_or(&none);
        let cells = proof.columns.iter().enumerate().map(|(index, column)| {
            let shown = cell(verdicts.get(index).copied().flatten());
            if flawed.contains(&(row.as_str(), column.label())) {
                shown + &styled(WRONG, "!")
            } else {
                shown
            }
        });
        table.add_row(std::iter::once(row.clone()).chain(cells));
    }
    for (index, column) in table.column_iter_mut().enumerate() {
        column.set_padding((0, 1));
        if index > 0 {
            column.set_cell_alignment(CellAlignment::Left);
        }
    }
    lines(&table)
}

fn cell(verdict: Option<Verdict>) -> String {
    verdict.map_or_else(|| styled(FAINT, "·"), mark)
}
