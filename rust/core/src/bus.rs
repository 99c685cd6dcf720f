//! Who receives which event: subscriptions by class, routed to a class's descendants too.
//!
//! Plain data: classes are numbers with ancestors, subscribers are whatever the owner keeps. Calls
//! nobody; delivery, isolation of failures and queues belong to the owner.

use std::sync::Arc;

/// A class's place in the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClassId(u32);

/// One subscription; rises with each, so that its order is the order of subscribing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Token(u64);

/// Subscriptions of `H` to classes.
#[derive(Debug, Clone)]
pub struct Subscriptions<H> {
    classes: Vec<Class<H>>,
    next: u64,
}

#[derive(Debug, Clone)]
struct Class<H> {
    /// Itself and all that it inherits from.
    line: Box<[ClassId]>,
    /// In the order of subscribing.
    own: Vec<(Token, H)>,
    /// Who receives an event of exactly this class, until a subscription changes.
    route: Option<Arc<[H]>>,
}

impl<H> Default for Subscriptions<H> {
    fn default() -> Self {
        Self { classes: Vec::new(), next: 0 }
    }
}

impl<H: Clone> Subscriptions<H> {
    /// A new class that inherits from `ancestors`: all of them, not only the nearest.
    pub fn register(&mut self, ancestors: &[ClassId]) -> ClassId {
        let class =
            ClassId(u32::try_from(self.classes.len()).expect("fewer classes than memory has room for"));
        let line = ancestors.iter().copied().chain([class]).collect();
        self.classes.push(Class { line, own: Vec::new(), route: None });
        class
    }

    /// `subscriber` receives events of `class` and of all that inherit from it, from the next on.
    pub fn subscribe(&mut self, class: ClassId, subscriber: H) -> Token {
        let token = Token(self.next);
        self.next += 1;
        self.classes[class.0 as usize].own.push((token, subscriber));
        self.forget_routes(class);
        token
    }

    /// Ends a subscription and gives its subscriber back; `None` when it had ended before.
    pub fn unsubscribe(&mut self, token: Token) -> Option<H> {
        let place = |class: &Class<H>| class.own.binary_search_by_key(&token, |(own, _)| *own).ok();
        let (class, place) =
            self.classes.iter().enumerate().find_map(|(class, held)| Some((class, place(held)?)))?;
        let (_, subscriber) = self.classes[class].own.remove(place);
        self.forget_routes(ClassId(u32::try_from(class).expect("numbered by `register`")));
        Some(subscriber)
    }

    /// Who receives an event of `class`, in the order of subscribing; stays as it is when
    /// subscriptions change later, so that it can be walked while they do.
    pub fn route(&mut self, class: ClassId) -> Arc<[H]> {
        if let Some(route) = &self.classes[class.0 as usize].route {
            return Arc::clone(route);
        }
        let line = &self.classes[class.0 as usize].line;
        let mut all: Vec<_> =
            line.iter().flat_map(|ancestor| &self.classes[ancestor.0 as usize].own).collect();
        all.sort_by_key(|(token, _)| *token);
        let route: Arc<[H]> = all.into_iter().map(|(_, subscriber)| subscriber.clone()).collect();
        self.classes[class.0 as usize].route = Some(Arc::clone(&route));
        route
    }

    /// Every subscriber, class by class.
    pub fn subscribers(&self) -> impl Iterator<Item = &H> {
        self.classes.iter().flat_map(|class| class.own.iter().map(|(_, subscriber)| subscriber))
    }

    fn forget_routes(&mut self, changed: ClassId) {
        for class in &mut self.classes {
            if class.line.contains(&changed) {
                class.route = None;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_subclass_event_reaches_subscribers_of_its_ancestors_in_the_order_they_came() {
        let mut bus = Subscriptions::default();
        let base = bus.register(&[]);
        let order = bus.register(&[base]);
        let fill = bus.register(&[base, order]);
        let market = bus.register(&[base]);
        bus.subscribe(order, "second class");
        bus.subscribe(fill, "own class");
        let first = bus.subscribe(base, "everything");
        bus.subscribe(fill, "own class again");
        assert_eq!(*bus.route(fill), ["second class", "own class", "everything", "own class again"]);
        assert_eq!(*bus.route(order), ["second class", "everything"]);
        assert_eq!(*bus.route(market), ["everything"]);
        assert_eq!(bus.unsubscribe(first), Some("everything"));
        assert_eq!(bus.unsubscribe(first), None);
        assert!(bus.route(market).is_empty());
    }

    #[test]
    fn a_route_being_walked_does_not_change_under_its_feet() {
        let mut bus = Subscriptions::default();
        let class = bus.register(&[]);
        let token = bus.subscribe(class, 'a');
        let walked = bus.route(class);
        bus.unsubscribe(token);
        bus.subscribe(class, 'b');
        assert_eq!((*walked).to_vec(), ['a']);
        assert_eq!((*bus.route(class)).to_vec(), ['b']);
    }

    proptest! {
        /// Cached routes against a plain list of (order, class, subscriber), over any history.
        #[test]
        fn routes_never_go_stale(steps in prop::collection::vec((0_usize..4, 0_u8..3), 1..60)) {
            let mut bus = Subscriptions::default();
            let base = bus.register(&[]);
            let left = bus.register(&[base]);
            let right = bus.register(&[base]);
            let both = bus.register(&[left, right, base]);
            let lines = [vec![base], vec![base, left], vec![base, right], vec![base, left, right, both]];
            let mut plain: Vec<(Token, ClassId, usize)> = Vec::new();
            for (step, (index, deed)) in steps.into_iter().enumerate() {
                let class = [base, left, right, both][index];
                match deed {
                    0 => plain.push((bus.subscribe(class, step), class, step)),
                    1 if !plain.is_empty() => {
                        let (token, _, subscriber) = plain.remove(step % plain.len());
                        prop_assert_eq!(bus.unsubscribe(token), Some(subscriber));
                    }
                    _ => {}
                }
                let expected: Vec<usize> = plain
                    .iter()
                    .filter(|(_, subscribed, _)| lines[index].contains(subscribed))
                    .map(|(_, _, subscriber)| *subscriber)
                    .collect();
                prop_assert_eq!(&*bus.route(class), &*expected);
            }
        }
    }
}
