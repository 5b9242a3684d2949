//! From an [`Edge`] to an [`EdgeLayer`]: what must hold, and what it comes to.

use std::sync::Arc;

use portcullis_core::{
    ConfigError, Count, Counts, Guard, Need, Observer, Paths, Public, UnlessPublic,
};

use super::{Edge, EdgeLayer, Slot};
use crate::{
    Health,
    catch_panic::CatchPanic,
    cors::Cors,
    engine::{Part, Stack},
    hygiene::Hygiene,
    reports::Reports,
    secure_headers::SecureHeaders,
    timeout::Timeout,
};

/// Guards with their slots, outermost first.
pub(super) type Guards = Vec<(Slot, Arc<dyn Guard>)>;

/// What the guards and the observers of an edge count. Not the edge itself, which has the observers that
/// hold this.
struct AllCounts {
    guards: Vec<Arc<dyn Guard>>,
    observers: Vec<Arc<dyn Counts>>,
}

impl<M> Edge<M> {
    /// Builds the edge.
    ///
    /// # Errors
    ///
    /// Lists everything that is wrong or contradicts itself.
    pub fn build(mut self) -> Result<EdgeLayer<M>, ConfigError> {
        if self.is_gateway {
            self.timeout = self.timeout.map(Timeout::gateway);
        }
        let public = self.take_public();
        let guards = self.take_guards(&public);
        ConfigError::check(self.problems(&guards))?;
        let mut stack = Stack::new();
        stack.always_asked = guards
            .iter()
            .filter(|(slot, _)| slot.is_always_asked())
            .count();
        stack.guards = guards.iter().map(|(_, guard)| Arc::clone(guard)).collect();
        stack.route_from = self.route_from;
        stack.uri_from = self.uri_from;
        stack.respond = self.respond;
        if self.catches_panics {
            CatchPanic::new().install(&mut stack);
        }
        if let Some(timeout) = self.timeout {
            timeout.install_all(&mut stack);
        }
        let observers = self.observers.iter();
        let counts = Arc::new(AllCounts {
            guards: stack.guards.clone(),
            observers: observers.filter_map(Observer::own_counts).collect(),
        });
        for observer in &self.observers {
            observer.add_counts(Arc::clone(&counts) as Arc<dyn Counts>);
        }
        if self.health.as_ref().is_some_and(Health::is_blind) {
            tracing::warn!(
                target: "portcullis",
                "the vitals of the health checks see nothing: give them to `observe` too"
            );
        }
        if let (Some(health), Some(guard)) = (&self.health, &self.load_shed) {
            health.watch_load(guard.load());
        }
        stack.observers = self.observers;
        let slots = guards.into_iter().map(|(slot, _)| slot).collect();
        Ok(EdgeLayer::new(stack, slots))
    }

    /// Puts the guards that are on in their order.
    fn take_guards(&mut self, public: &Public) -> Guards {
        let mut guards: Guards = Vec::new();
        guards.extend(on(Slot::ClientAddress, self.client_ip.clone()));
        guards.extend(on(Slot::RequestId, self.request_id.take()));
        guards.extend(on(Slot::SecureHeaders, self.take_headers()));
        guards.extend(on(Slot::Hygiene, self.take_hygiene()));
        let health = if self.limits_probes {
            Slot::LimitedHealth
        } else {
            Slot::Health
        };
        let probes = self.health.clone();
        let probes = probes.map(|health| health.route_from(self.route_from));
        guards.extend(on(health, probes));
        guards.extend(self.take_cross_origin());
        let reports = self.reports.clone();
        let reports = reports.map(|reports| reports.route_from(self.route_from));
        guards.extend(on(Slot::Reports, reports));
        guards.extend(on(Slot::BodyLimit, self.body_limit.take()));
        guards.extend(self.required.drain(..).flat_map(|required| {
            let required = UnlessPublic::new(public.clone(), required);
            on(Slot::Authorization, Some(required))
        }));
        let own = self.take_own().into_iter();
        let added = std::mem::take(&mut self.guards).into_iter();
        let all = own.chain(added);
        let around = self.around.clone();
        guards.extend(all.map(|(slot, guard)| {
            let guard = match &around {
                Some(around) if slot == Slot::Authentication && guard.is_on() => around(guard),
                _ => guard,
            };
            (slot, opened(slot, guard, public))
        }));
        guards.retain(|(_, guard)| guard.is_on());
        // Stable: guards of one slot stay in the order in which they were added.
        guards.sort_by_key(|(slot, _)| *slot);
        guards
    }

    /// Returns the guards of setters.
    fn take_own(&mut self) -> Guards {
        let mut own = std::mem::take(&mut self.own);
        let ways = std::mem::take(&mut self.ways).into_guard();
        own.extend(on(Slot::Authentication, ways));
        own
    }

    /// Returns what looks at origins, with what answers preflights, which spend quota as any request.
    fn take_cross_origin(&mut self) -> Guards {
        let mut guards = Guards::new();
        if let Some((cors, preflights)) = self.cors.take().map(Cors::in_two) {
            guards.extend(on(Slot::CrossOrigin, Some(cors)));
            guards.extend(on(Slot::Preflights, Some(preflights)));
        }
        let cross_site = self.cross_site.take();
        let cross_site = cross_site.map(|guard| match &self.reports {
            Some(reports) => guard.exempt_reports(reports.path()),
            None => guard,
        });
        guards.extend(on(Slot::CrossOrigin, cross_site));
        guards
    }

    /// Returns the headers, which tell browsers where to report.
    fn take_headers(&mut self) -> Option<SecureHeaders> {
        let headers = self.secure_headers.take()?;
        Some(match &self.reports {
            Some(reports) => headers.report_to(reports.path()),
            None => headers,
        })
    }

    /// Returns hygiene, which lets probes pass whatever host they ask for.
    fn take_hygiene(&mut self) -> Option<Hygiene> {
        let hygiene = self.hygiene.take()?;
        Some(match &self.health {
            Some(health) => hygiene.exempt_probes(&health.probe_paths()),
            None => hygiene,
        })
    }

    /// Reads which paths are public. Notes what is wrong with them.
    fn take_public(&mut self) -> Public {
        let mut parsed = |paths: &[String]| {
            Paths::parse(paths).unwrap_or_else(|error| {
                let problems = error.problems();
                self.problems
                    .extend(problems.map(|problem| format!("public paths: {problem}")));
                Paths::default()
            })
        };
        let (open, closed) = (parsed(&self.public), parsed(&self.closed));
        if closed.is_empty() {
            return Public::only(open);
        }
        if !open.is_empty() {
            let problem = "public paths: where some paths are closed, all others are public";
            self.problems.push(problem.to_owned());
        }
        Public::all_but(closed)
    }

    fn problems(&self, guards: &Guards) -> Vec<String> {
        let mut problems = self.problems.clone();
        let has = |wanted: Slot| guards.iter().any(|(slot, _)| *slot == wanted);
        let strategy = self.client_ip.as_ref().map(|guard| guard.strategy());
        problems.extend(strategy.iter().flat_map(|strategy| strategy.problems()));
        let rules = contradictions(self, &has);
        let broken = rules.iter().filter(|(is_broken, _)| *is_broken);
        problems.extend(broken.map(|(_, problem)| (*problem).to_owned()));
        problems.extend(self.health.iter().flat_map(duplicate_checks));
        let of_health = self.health.iter().flat_map(Health::problems);
        problems.extend(of_health.cloned());
        problems.extend(unmet_needs(guards));
        problems
    }
}

fn on(slot: Slot, guard: Option<impl Guard>) -> Option<(Slot, Arc<dyn Guard>)> {
    let guard: Arc<dyn Guard> = Arc::new(guard?);
    Some((slot, guard))
}

/// Lets authentication alone what is public.
fn opened(slot: Slot, guard: Arc<dyn Guard>, public: &Public) -> Arc<dyn Guard> {
    if slot == Slot::Authentication && !public.is_empty() {
        Arc::new(UnlessPublic::new(public.clone(), guard))
    } else {
        guard
    }
}

fn contradictions<M>(edge: &Edge<M>, has: &dyn Fn(Slot) -> bool) -> [(bool, &'static str); 7] {
    let probes = edge.health.as_ref().map(Health::probe_paths);
    let reports = edge.reports.as_ref().map(Reports::path);
    let names_public = !(edge.public.is_empty() && edge.closed.is_empty());
    [
        (
            edge.limits_probes && edge.health.is_none(),
            "health: probes are limited, but there are none",
        ),
        (
            edge.limits_probes && !has(Slot::RateLimit),
            "health: probes are limited, but there is no rate limit",
        ),
        (
            names_public && !edge.is_open && !has(Slot::Authentication),
            "public or closed paths: there is no authentication for them",
        ),
        (
            edge.around.is_some() && !edge.is_open && !has(Slot::Authentication),
            "lockout: there is no authentication for it",
        ),
        (
            reports.is_some() && !has(Slot::SecureHeaders),
            "reports: secure headers are off, and tell no browser of them",
        ),
        (
            reports.is_some_and(|path| probes.is_some_and(|probes| probes.contains(&path))),
            "reports: their path is that of a probe",
        ),
        (
            edge.timeout
                .is_some_and(|timeout| timeout.after().is_zero()),
            "deadline: 0 refuses everything; turn it off instead",
        ),
    ]
}

/// Returns guards that need a fact which no guard above finds out.
fn unmet_needs(guards: &Guards) -> impl Iterator<Item = String> + '_ {
    guards.iter().enumerate().flat_map(|(at, (slot, guard))| {
        let needs = guard.needs().iter().map(|need| giver(*need));
        let above = &guards[..at];
        let unmet = needs.filter(|(giver, _)| !above.iter().any(|(other, _)| other == giver));
        unmet.map(move |(_, fact)| format!("{slot}: it needs the {fact}"))
    })
}

/// Returns the slot that gives a fact, and what to call it where it is not there.
const fn giver(need: Need) -> (Slot, &'static str) {
    match need {
        Need::Principal => (
            Slot::Authentication,
            "principal, which only authentication above it finds out",
        ),
        _ => (Slot::ClientAddress, "client address, which is off"),
    }
}

fn duplicate_checks(health: &Health) -> Vec<String> {
    let mut names: Vec<_> = health.checks().map(|(name, _)| name).collect();
    names.sort_unstable();
    let repeated = names.windows(2).filter(|pair| pair[0] == pair[1]);
    let problem = |pair: &[&str]| format!("health: duplicate check {:?}", pair[0]);
    repeated.map(problem).collect()
}

// ===== impl AllCounts =====

impl Counts for AllCounts {
    fn counts(&self) -> Vec<Count> {
        let of_guards = self.guards.iter().flat_map(Guard::counts);
        let of_observers = self.observers.iter().flat_map(|own| own.counts());
        of_guards.chain(of_observers).collect()
    }
}
