//! A worker of the observer: enters a node, gives up what it does not need, and answers a batch.
//!
//! The worker has a PID namespace of its own, so that nobody in the node can see, stop or trace it.
//! It never runs a program of the node. What a compromised worker could still do is what looking
//! takes: read the node's files, and speak in its networks.

use std::collections::BTreeMap;
use std::os::fd::RawFd;

use anyhow::Context;
use rustix::process::{DumpableBehavior, Resource, Rlimit, set_dumpable_behavior, setrlimit};
use rustix::thread::{CapabilitySet, LinkNameSpaceType};
use seccompiler::{BpfProgram, SeccompAction, SeccompFilter, apply_filter};

use crate::{inherited, own_proc, peer, probe, rights};

/// Arguments of `look`: descriptors that the observer has opened for it. The worker could not open
/// them itself, since no process of the host has a number in its PID namespace.
#[derive(clap::Args)]
pub(crate) struct LookArgs {
    /// The node's namespace of System V objects and message queues
    #[arg(long)]
    ipc: RawFd,
    /// The node's namespace of host names
    #[arg(long)]
    uts: RawFd,
    /// The node's network namespace
    #[arg(long)]
    net: RawFd,
    /// The node's mount namespace
    #[arg(long)]
    mounts: RawFd,
    /// The node's user namespace, where it is not the observer's
    #[arg(long)]
    users: Option<RawFd>,
    /// The socket over which the observer gives connections to systemd
    #[arg(long)]
    peers: RawFd,
}

/// What looking takes: the files of every user, the executables and sockets of every process, the
/// packet filter, raw and low ports for clients.
const CAPABILITIES: CapabilitySet = CapabilitySet::DAC_READ_SEARCH
    .union(CapabilitySet::SYS_PTRACE)
    .union(CapabilitySet::NET_ADMIN)
    .union(CapabilitySet::NET_RAW)
    .union(CapabilitySet::NET_BIND_SERVICE);

/// Limits of a worker: seconds of processor time, bytes of address space (each thread reserves 32 MiB
/// of it for its stack), open files; no file is written, not even of its own memory.
const LIMITS: [(Resource, u64); 5] = [
    (Resource::Cpu, 120),
    (Resource::As, 8 << 30),
    (Resource::Nofile, 1024),
    (Resource::Fsize, 0),
    (Resource::Core, 0),
];

/// System calls that no question needs, and with which capabilities could reach further: into other
/// processes, into other namespaces, around paths, into the kernel, and all that starts a program.
const FORBIDDEN: [i64; 42] = [
    libc::SYS_acct,
    libc::SYS_add_key,
    libc::SYS_bpf,
    libc::SYS_chroot,
    libc::SYS_clock_settime,
    libc::SYS_delete_module,
    libc::SYS_execve,
    libc::SYS_execveat,
    libc::SYS_finit_module,
    libc::SYS_fsconfig,
    libc::SYS_fsmount,
    libc::SYS_fsopen,
    libc::SYS_fspick,
    libc::SYS_init_module,
    libc::SYS_io_uring_enter,
    libc::SYS_io_uring_register,
    libc::SYS_io_uring_setup,
    libc::SYS_kcmp,
    libc::SYS_kexec_file_load,
    libc::SYS_kexec_load,
    libc::SYS_keyctl,
    libc::SYS_mount,
    libc::SYS_mount_setattr,
    libc::SYS_move_mount,
    libc::SYS_name_to_handle_at,
    libc::SYS_open_by_handle_at,
    libc::SYS_open_tree,
    libc::SYS_perf_event_open,
    libc::SYS_pidfd_getfd,
    libc::SYS_pidfd_open,
    libc::SYS_pidfd_send_signal,
    libc::SYS_pivot_root,
    libc::SYS_process_madvise,
    libc::SYS_process_vm_readv,
    libc::SYS_process_vm_writev,
    libc::SYS_ptrace,
    libc::SYS_reboot,
    libc::SYS_request_key,
    libc::SYS_setns,
    libc::SYS_umount2,
    libc::SYS_unshare,
    libc::SYS_userfaultfd,
];

/// Enters the node, and answers.
pub(crate) fn run(arguments: &LookArgs) -> anyhow::Result<()> {
    let LookArgs {
        ipc,
        uts,
        net,
        mounts,
        users,
        peers,
    } = arguments;
    own_proc::bring().context("cannot make a `/proc`")?;
    inherited::enter(*ipc, LinkNameSpaceType::InterProcessCommunication)?;
    inherited::enter(*uts, LinkNameSpaceType::HostNameAndNISDomainName)?;
    inherited::enter(*net, LinkNameSpaceType::Network)?;
    // Last: from here on, every path is the node's.
    inherited::enter(*mounts, LinkNameSpaceType::Mount)?;
    if let Some(users) = users {
        inherited::become_root_of(*users)?;
    }
    peer::ask_over(inherited::take(*peers));
    confine().context("cannot give up rights")?;
    probe::run(probe::observe_all)
}

/// Gives up what looking does not take. There is one thread yet, so that all later ones inherit it.
fn confine() -> anyhow::Result<()> {
    for (resource, most) in LIMITS {
        let limit = Rlimit {
            current: Some(most),
            maximum: Some(most),
        };
        setrlimit(resource, limit).context("set a limit")?;
    }
    set_dumpable_behavior(DumpableBehavior::NotDumpable).context("stop being dumpable")?;
    rights::keep_only(CAPABILITIES).context("drop capabilities")?;
    let filter: BpfProgram = SeccompFilter::new(
        FORBIDDEN
            .map(|call| (call, vec![]))
            .into_iter()
            .collect::<BTreeMap<_, _>>(),
        SeccompAction::Allow,
        SeccompAction::Errno(libc::EPERM.cast_unsigned()),
        std::env::consts::ARCH
            .try_into()
            .context("no filter for this processor")?,
    )
    .and_then(TryInto::try_into)
    .context("build the filter")?;
    apply_filter(&filter).context("install the filter")
}
