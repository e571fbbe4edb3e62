//! Who comes in: every call passes the doors of its tenant, of its plugin and of the pool, in this order.
//!
//! Each door has places, and those of the plugin and of the pool go round the tenants ([`fair`](super::fair)). Before the
//! doors, a bounded number of calls may wait: of the tenant, for the plugin, and in all. What comes beyond that, or
//! faster than the tenant or the plugin may call, is refused at once, and the error names the limit.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::call::{CallError, Plugin};
use super::fair::{Gate, Place, Whose};
use super::large::BODIES_OF_TENANT;
use super::reuse::{Owner, Warm};
use crate::capability::Principal;
use crate::config::{self, Limits, TenantLimits, TenantName};
use crate::egress::Bucket;
use crate::telemetry::metrics;

/// Doors of tenants that are kept open at once.
const MOST_DOORS: usize = 10_000;
const NEVER_CLOSED: &str = "these semaphores are never closed";

/// The doors of all tenants.
#[derive(Debug)]
pub(super) struct Tenants {
    limits: config::Tenants,
    doors: Mutex<HashMap<TenantName, Arc<OfTenant>>>,
}

#[derive(Debug)]
pub(super) struct OfTenant {
    limits: TenantLimits,
    places: Arc<Semaphore>,
    queue: Semaphore,
    rate: Option<Bucket>,
    /// Large bodies of its requests ([`large`](super::large)).
    pub(super) bodies: Arc<Semaphore>,
}

impl Tenants {
    pub(super) fn new(limits: config::Tenants) -> Self {
        Self {
            limits,
            doors: Mutex::default(),
        }
    }

    /// An authorization server may name tenants without end, so the doors that nobody stands in go when there are too many.
    pub(super) fn door(&self, tenant: &TenantName) -> Arc<OfTenant> {
        let mut doors = self.doors.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(door) = doors.get(tenant) {
            return door.clone();
        }
        let limits = *self.limits.own.get(tenant).unwrap_or(&self.limits.usual);
        let door = Arc::new(OfTenant {
            limits,
            places: Arc::new(Semaphore::new(limits.concurrency as usize)),
            queue: Semaphore::new(limits.queue as usize),
            rate: limits.calls_per_second.map(Bucket::new),
            bodies: Arc::new(Semaphore::new(BODIES_OF_TENANT)),
        });
        if doors.len() >= MOST_DOORS {
            doors.retain(|_, door| Arc::strong_count(door) > 1 || door.is_busy());
        }
        doors.insert(tenant.clone(), door.clone());
        door
    }
}

impl OfTenant {
    /// Whether a call of its runs.
    fn is_busy(&self) -> bool {
        self.places.available_permits() < self.limits.concurrency as usize
    }

    fn too_often(&self, principal: &Principal) -> CallError {
        CallError::TenantRate {
            tenant: principal.tenant.clone(),
            limit: self.limits.calls_per_second.unwrap_or_default(),
        }
    }
}

/// The door of one plugin.
#[derive(Debug)]
pub(super) struct Door {
    places: Arc<Gate>,
    queue: Semaphore,
    rate: Option<Bucket>,
}

impl Door {
    pub(super) fn new(limits: &Limits) -> Self {
        Self {
            places: Gate::new(limits.concurrency as usize),
            queue: Semaphore::new(limits.queue as usize),
            rate: limits.calls_per_second.map(Bucket::new),
        }
    }
}

/// What a call has while it runs.
#[derive(Debug)]
pub(super) struct Admitted {
    pub(super) seat: Seat,
    pub(super) places: Places,
}

/// Held while the call runs.
#[derive(Debug)]
pub(super) struct Places {
    _plugin: Place,
    _tenant: OwnedSemaphorePermit,
}

/// Where the call runs.
#[derive(Debug)]
pub(super) enum Seat {
    /// In an instance of its own, for which there is room.
    Fresh(Place),
    /// In one that served the same principal before.
    Warm(Box<Warm>),
}

impl Plugin {
    pub(super) async fn admit(
        &self,
        principal: &Principal,
        whose: &Whose,
        owner: Option<&Owner>,
    ) -> Result<Admitted, CallError> {
        let tenant = self.engine.tenants.door(&principal.tenant);
        if !principal.is_host() {
            self.pace(principal, &tenant)?;
        }
        let begun = Instant::now();
        let admitted = match self.enter_now(&tenant, owner) {
            Some(admitted) => admitted,
            None => Box::pin(self.enter(principal, &tenant, whose, owner)).await?,
        };
        metrics().waited(self.name().as_str(), begun.elapsed());
        Ok(admitted)
    }

    /// Whether the principal's tenant may call at all now. Asked before anything of a call is looked at, so that calls
    /// that are refused for what they ask cost a tenant as much as others; nothing is counted yet.
    pub fn may_call(&self, principal: &Principal) -> Result<(), CallError> {
        let tenant = self.engine.tenants.door(&principal.tenant);
        let now = tokio::time::Instant::now();
        match &tenant.rate {
            Some(rate) if !rate.has_one(now) => Err(tenant.too_often(principal)),
            Some(_) | None => Ok(()),
        }
    }

    /// A call that was refused for what it asked.
    pub fn called_in_vain(&self, principal: &Principal) {
        let tenant = self.engine.tenants.door(&principal.tenant);
        if let Some(rate) = &tenant.rate {
            // Others may have taken the last one meanwhile.
            let _ = rate.try_take(tokio::time::Instant::now());
        }
    }

    /// How many calls there may be in a second.
    fn pace(&self, principal: &Principal, tenant: &OfTenant) -> Result<(), CallError> {
        let now = tokio::time::Instant::now();
        let passes = |rate: &Option<Bucket>| {
            rate.as_ref()
                .is_none_or(|bucket| bucket.try_take(now).is_ok())
        };
        if !passes(&tenant.rate) {
            return Err(tenant.too_often(principal));
        }
        if !passes(&self.door.rate) {
            return Err(CallError::Rate {
                plugin: self.name().clone(),
                limit: self.limits().calls_per_second.unwrap_or_default(),
            });
        }
        Ok(())
    }

    /// Without waiting, where there is room.
    fn enter_now(&self, tenant: &OfTenant, owner: Option<&Owner>) -> Option<Admitted> {
        let of_tenant = tenant.places.clone().try_acquire_owned().ok()?;
        let of_plugin = self.door.places.try_enter()?;
        let seat = match self.kept(owner) {
            Some(warm) => Seat::Warm(warm),
            None => Seat::Fresh(self.engine.instances.try_enter()?),
        };
        Some(Admitted {
            seat,
            places: Places {
                _tenant: of_tenant,
                _plugin: of_plugin,
            },
        })
    }

    async fn enter(
        &self,
        principal: &Principal,
        tenant: &OfTenant,
        whose: &Whose,
        owner: Option<&Owner>,
    ) -> Result<Admitted, CallError> {
        let _of_tenant = tenant
            .queue
            .try_acquire()
            .map_err(|_| CallError::TenantQueue {
                tenant: principal.tenant.clone(),
                limit: tenant.limits.queue,
            })?;
        let _of_plugin = self
            .door
            .queue
            .try_acquire()
            .map_err(|_| CallError::Queue {
                plugin: self.name().clone(),
                limit: self.limits().queue,
            })?;
        let _of_all = self
            .engine
            .waiting
            .try_acquire()
            .map_err(|_| CallError::Busy)?;
        let _one_more_waits = metrics().waiting();
        // The tenant's own first: its queue must not hold places that others wait for. The pool last, for the same reason.
        let of_tenant = tenant.places.clone().acquire_owned().await;
        let of_plugin = self.door.places.enter(whose).await;
        let seat = match self.kept(owner) {
            Some(warm) => Seat::Warm(warm),
            None => Seat::Fresh(self.room(whose).await),
        };
        Ok(Admitted {
            seat,
            places: Places {
                _tenant: of_tenant.expect(NEVER_CLOSED),
                _plugin: of_plugin,
            },
        })
    }

    fn kept(&self, owner: Option<&Owner>) -> Option<Box<Warm>> {
        self.engine.kept.take(owner?).map(Box::new)
    }

    /// Room for an instance. One that is kept for later makes room for a call that is there now.
    async fn room(&self, whose: &Whose) -> Place {
        if let Some(place) = self.engine.instances.try_enter() {
            return place;
        }
        self.engine.kept.give_one_up();
        self.engine.instances.enter(whose).await
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn tenants_without_end_do_not_take_memory_without_end() {
        let usual = TenantLimits {
            concurrency: 2,
            queue: 1,
            calls_per_second: None,
        };
        let tenants = Tenants::new(config::Tenants {
            usual,
            own: BTreeMap::new(),
        });
        let name = |number: usize| format!("t{number}").parse().expect("a name");
        let busy = tenants.door(&name(0));
        let place = busy.places.clone().try_acquire_owned();
        drop(busy);
        for number in 1..3 * MOST_DOORS {
            tenants.door(&name(number));
        }
        let doors = tenants.doors.lock().expect("nobody panics");
        assert!(doors.len() <= MOST_DOORS);
        assert!(doors.contains_key(&name(0)), "a call of its runs");
        drop((doors, place));
    }
}
