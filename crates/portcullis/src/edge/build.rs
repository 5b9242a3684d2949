//! From an [`Edge`] to an [`EdgeLayer`]: what must hold, and what it comes to.

use portcullis_core::{ConfigError, Guard, ObserveLayer, Observer, PublicPaths, UnlessPublic};

use super::{
    Edge, EdgeLayer, Explanation,
    builder::Settings,
    explain::Limits,
    layer::{EdgeConfig, Layers},
};
use crate::{
    Health, body_limit::BodyLimitLayer, catch_panic::CatchPanicLayer, health::HealthLayer,
};

impl<A, L, O, R, W, P> Edge<A, L, O, R, W, P>
where
    A: Guard,
    L: Guard,
    P: Guard,
    O: Observer,
    R: Clone,
{
    /// Builds the stack.
    ///
    /// # Errors
    ///
    /// Lists everything that is wrong or contradicts itself.
    pub fn build(self) -> Result<EdgeLayer<A, L, O, R, W, P>, ConfigError> {
        ConfigError::check(self.problems())?;
        let explanation = self.explain();
        let settings = self.settings;
        let public = PublicPaths::new(settings.public.iter().map(String::as_str));
        let observe = ObserveLayer::new(self.observer);
        let layers = Layers {
            health: settings.health_if(!settings.probes_limited),
            limited_health: settings.health_if(settings.probes_limited),
            catch_panic: settings.panics().respond_with(self.respond.clone()),
            timeout: settings.timeout.respond_with(self.respond.clone()),
            body_limit: settings
                .bodies()
                .respond_with(self.respond.clone())
                .unwrap_with(self.unwrap),
            client_ip: settings.client_ip,
            request_id: settings.request_id,
            observe: match settings.route_from {
                Some(route) => observe.route_from(route),
                None => observe,
            },
            secure_headers: settings.secure_headers,
            limit: self.limit,
            in_flight: settings.in_flight,
            principal_limit: self.principal_limit,
            auth: UnlessPublic::new(public, self.auth),
            respond: self.respond,
        };
        Ok(EdgeLayer::new(EdgeConfig {
            layers,
            explanation,
        }))
    }

    /// The effective stack: each layer, on or off, its value and why it is where it is.
    #[must_use]
    pub fn explain(&self) -> Explanation {
        let auth = self.auth.as_ref().map(Guard::describe);
        let limits = Limits {
            address: self.limit.as_ref().map(Guard::describe),
            in_flight: self.settings.in_flight.as_ref().map(Guard::describe),
            principal: self.principal_limit.as_ref().map(Guard::describe),
        };
        let observed = self.observer.describe();
        let observed = Some(observed).filter(|names| !names.is_empty());
        Explanation::new(&self.settings, observed, limits, auth)
    }

    fn problems(&self) -> Vec<String> {
        let settings = &self.settings;
        let mut problems = settings.problems.clone();
        let rules = contradictions(settings, self.auth.is_some(), self.limit.is_some());
        let broken = rules.iter().filter(|(is_broken, _)| *is_broken);
        problems.extend(broken.map(|(_, problem)| (*problem).to_owned()));
        let relative = settings.public.iter().filter(|path| !path.starts_with('/'));
        problems
            .extend(relative.map(|path| format!("public paths: {path:?} starts without a slash")));
        problems.extend(settings.health.iter().flat_map(repeated_checks));
        problems
    }
}

// ===== impl Settings =====

impl Settings {
    fn health_if(&self, on: bool) -> HealthLayer {
        let health = self.health.clone().filter(|_| on);
        health.map_or(HealthLayer::off(), HealthLayer::new)
    }

    fn panics(&self) -> CatchPanicLayer {
        match self.catches_panics {
            true => CatchPanicLayer::new(),
            false => CatchPanicLayer::off(),
        }
    }

    fn bodies(&self) -> BodyLimitLayer {
        self.body_limit
            .map_or(BodyLimitLayer::off(), BodyLimitLayer::new)
    }
}

fn contradictions(settings: &Settings, auth: bool, limit: bool) -> [(bool, &'static str); 6] {
    let strategy = settings.client_ip.strategy();
    let after = settings.timeout.after();
    [
        (
            strategy.trusts_everybody(),
            "trusted proxies: a range of length 0 trusts everybody",
        ),
        (
            limit && !settings.client_ip.is_on(),
            "rate limit: it needs the client address, which is off",
        ),
        (
            settings.probes_limited && settings.health.is_none(),
            "health: probes are limited, but there are none",
        ),
        (
            settings.probes_limited && !limit,
            "health: probes are limited, but there is no rate limit",
        ),
        (
            !settings.public.is_empty() && !auth,
            "public paths: there is no authentication they could be an exception from",
        ),
        (
            after.is_some_and(|after| after.is_zero()),
            "deadline: 0 refuses everything; turn it off instead",
        ),
    ]
}

fn repeated_checks(health: &Health) -> Vec<String> {
    let mut names: Vec<_> = health.checks().map(|(name, _)| name).collect();
    names.sort_unstable();
    let repeated = names.windows(2).filter(|pair| pair[0] == pair[1]);
    let problem = |pair: &[&str]| format!("health: the check {:?} is there twice", pair[0]);
    repeated.map(problem).collect()
}
