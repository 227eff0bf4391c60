//! Observes the packet filter's rules in this network namespace, as the kernel reports them.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Context;
use nlink::netlink::nftables::{ChainInfo, Family, Hook, RuleInfo, Table, Verdict};
use nlink::netlink::{Connection, Nftables};
use plateau_core::question::firewall::{self, FirewallQuestion, FirewallSeen, Packets};

use super::context::ProbeContext;
use super::netlink;

mod rule;

/// Most rules that are listed.
const RULES_LIMIT: usize = 2000;

/// `NF_DROP`, a chain's policy in the kernel's answers.
const DROP: u32 = 0;

/// `NFT_TABLE_F_DORMANT`: no packet passes the table's chains.
const DORMANT: u32 = 1;

pub(super) async fn observe(
    question: &FirewallQuestion,
    context: &ProbeContext,
) -> anyhow::Result<FirewallSeen> {
    let kernel = Connection::<Nftables>::new().context("cannot open netlink")?;
    let chains = kernel.list_chains().await;
    let chains = chains.context("cannot read the firewall's chains")?;
    let tables = kernel.list_tables().await;
    let tables = tables.context("cannot read the firewall's tables")?;
    let is_dormant = |chain: &ChainInfo| {
        let own = |table: &&Table| table.family == chain.family && table.name == chain.table;
        tables
            .iter()
            .find(own)
            .is_some_and(|table| table.flags & DORMANT != 0)
    };
    let mut matching: Vec<&ChainInfo> = chains
        .iter()
        .filter(|chain| applies(chain, question) && !is_dormant(chain))
        .collect();
    matching.sort_by_key(|chain| chain.priority);
    if matching.is_empty() {
        return Ok(FirewallSeen {
            exists: Some(false),
            ..FirewallSeen::default()
        });
    }
    let drops = matching.iter().any(|chain| chain.policy == Some(DROP));
    let rules = if context.wants("rules") {
        Some(RuleReader::new(&kernel).await?.read_all(&matching).await?)
    } else {
        None
    };
    Ok(FirewallSeen {
        exists: Some(true),
        policy: Some(if drops { "drop" } else { "accept" }.to_owned()),
        rules,
    })
}

/// Whether such packets pass the chain at such a hook.
fn applies(chain: &ChainInfo, question: &FirewallQuestion) -> bool {
    let families: &[Family] = match question.family {
        Packets::Ip => &[Family::Ip, Family::Inet],
        Packets::Ip6 => &[Family::Ip6, Family::Inet],
        Packets::Arp => &[Family::Arp],
        Packets::Bridge => &[Family::Bridge],
    };
    let hook = match question.hook {
        firewall::Hook::Prerouting => Hook::Prerouting,
        firewall::Hook::Input => Hook::Input,
        firewall::Hook::Forward => Hook::Forward,
        firewall::Hook::Output => Hook::Output,
        firewall::Hook::Postrouting => Hook::Postrouting,
    };
    let chain_hook = chain
        .hook
        .and_then(|number| Hook::from_number(chain.family, number));
    families.contains(&chain.family) && chain_hook == Some(hook)
}

/// Family and name of a table, and the name of a chain.
type ChainName = (u8, String, String);

/// Reads rules, those of each chain once.
struct RuleReader<'a> {
    kernel: &'a Connection<Nftables>,
    interfaces: BTreeMap<u32, String>,
    tables: BTreeMap<(u8, String), Vec<RuleInfo>>,
    read: BTreeSet<ChainName>,
    rules: Vec<String>,
}

impl<'a> RuleReader<'a> {
    async fn new(kernel: &'a Connection<Nftables>) -> anyhow::Result<Self> {
        let links = netlink::connect()?.get_links().await;
        let links = links.context("cannot read the interfaces")?;
        let interfaces = links
            .iter()
            .filter_map(|link| Some((link.ifindex(), link.name()?.to_owned())));
        Ok(Self {
            kernel,
            interfaces: interfaces.collect(),
            tables: BTreeMap::new(),
            read: BTreeSet::new(),
            rules: Vec::new(),
        })
    }

    async fn read_all(mut self, chains: &[&ChainInfo]) -> anyhow::Result<Vec<String>> {
        for chain in chains {
            self.read_chain(chain.family, &chain.table, &chain.name)
                .await?;
        }
        Ok(self.rules)
    }

    /// Reads the rules of a chain, and those of the chains to which they jump.
    async fn read_chain(&mut self, family: Family, table: &str, name: &str) -> anyhow::Result<()> {
        // Rules that are still to be read, the next one last.
        let mut pending = self.chain_rules(family, table, name).await?;
        while let Some(rule) = pending.pop() {
            let sets = rule::anonymous_sets(&rule);
            let mut elements = BTreeMap::new();
            for set in sets {
                let listed = self.kernel.list_set_elements(table, &set, family).await;
                let listed = listed.context("cannot read the firewall's sets")?;
                elements.insert(set, listed);
            }
            let read =
                rule::format_rule(&rule, &elements, &self.interfaces).with_context(|| {
                    let chain = &rule.chain;
                    format!("cannot read a rule of chain `{chain}` in table `{table}` back")
                })?;
            self.rules.extend(read.texts);
            anyhow::ensure!(
                self.rules.len() <= RULES_LIMIT,
                "there are more than {RULES_LIMIT} rules"
            );
            for verdict in read.verdicts {
                if let Verdict::JumpTo(chain) | Verdict::GotoTo(chain) = verdict {
                    pending.extend(self.chain_rules(family, table, chain.as_str()).await?);
                }
            }
        }
        Ok(())
    }

    /// The rules of one chain, the first one last; empty if it was read before.
    async fn chain_rules(
        &mut self,
        family: Family,
        table: &str,
        chain: &str,
    ) -> anyhow::Result<Vec<RuleInfo>> {
        let key = (family as u8, table.to_owned());
        if !self.tables.contains_key(&key) {
            let rules = self.kernel.list_rules(table, family).await;
            let rules = rules.context("cannot read the firewall's rules")?;
            self.tables.insert(key.clone(), rules);
        }
        if !self.read.insert((key.0, key.1.clone(), chain.to_owned())) {
            return Ok(Vec::new());
        }
        let all = self.tables.get(&key).into_iter().flatten();
        let mut rules: Vec<RuleInfo> = all.filter(|rule| rule.chain == chain).cloned().collect();
        rules.reverse();
        Ok(rules)
    }
}
