//! Rights that a process gives up before it does what may be attacked.

use rustix::thread::{
    CapabilitySet, CapabilitySets, clear_ambient_capability_set,
    remove_capability_from_bounding_set, set_capabilities, set_no_new_privs,
};

/// From here on, neither this process nor what it starts has any capability but these. There is one
/// thread yet: later ones inherit it, others would not.
pub(crate) fn keep_only(kept: CapabilitySet) -> rustix::io::Result<()> {
    clear_ambient_capability_set()?;
    for capability in CapabilitySet::all().difference(kept).iter() {
        // Those that the kernel does not know yet cannot be removed.
        let _ = remove_capability_from_bounding_set(capability);
    }
    set_capabilities(
        None,
        CapabilitySets {
            effective: kept,
            permitted: kept,
            inheritable: CapabilitySet::empty(),
        },
    )?;
    set_no_new_privs(true)
}
