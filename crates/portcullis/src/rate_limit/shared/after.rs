//! What the store is charged once it is known what came of a request.

use std::{sync::Arc, time::Duration};

use http::request;
use portcullis_core::{Charge, QuotaStore, Reply};
use tokio::{runtime::Handle, time::timeout};

use super::state::{Asked, State};

/// Charges the store the rest when the exchange has ended, where policies want it. Nothing is paid
/// back there: a store only spends.
pub(super) fn charge_later<Q: QuotaStore>(
    store: &Q,
    state: &Arc<State>,
    asked: &Asked,
    head: &request::Parts,
    reply: &mut Reply,
) {
    let Asked { rules, charges, .. } = asked;
    let wants = |charge| rules.rule(charge).policy.cost_after.clone();
    if rules
        .iter_enforced(charges)
        .all(|charge| wants(charge).is_none())
    {
        return;
    }
    let shared = rules.shared_charges(charges, head, 1);
    for (charge, shared) in rules.iter_enforced(charges).zip(shared) {
        let Some(cost_after) = wants(charge) else {
            continue;
        };
        let (store, state) = (store.clone(), Arc::clone(state));
        reply.on_end(move |ended| {
            let burst = shared.quota.max_burst();
            let rest = cost_after(ended).min(burst).saturating_sub(shared.cost);
            if ended.rejection.is_none() && !state.breaker.is_open() {
                spend(&store, state.time_limit, shared, rest);
            }
        });
    }
}

/// Spends so much of a quota, as far as it goes. Nobody waits for it.
fn spend<Q: QuotaStore>(store: &Q, time_limit: Duration, charge: Charge, cost: u32) {
    let runtime = Handle::try_current();
    if let (1.., Ok(runtime)) = (cost, runtime) {
        let Charge {
            policy, key, quota, ..
        } = charge;
        let rest = Charge::new(policy, key, quota, 1).requests(cost.min(quota.max_burst()));
        let spent = store.spend(vec![rest]);
        runtime.spawn(timeout(time_limit, async { spent.await.map(drop) }));
    }
}
