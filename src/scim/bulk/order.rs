//! In which order operations are carried out: an operation after those that it refers to, and operations that refer to one another
//! in a circle together (RFC 7644 section 3.7.1). Only creations can be referred to, so only they are ever done before their turn.

/// What is done at a time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step<T> {
    /// One operation.
    One(T),
    /// Operations each of which refers, by way of others or not, to all of them.
    Circle(Vec<T>),
}

/// The steps for operations that refer to others: `references[n]` are those that number `n` refers to.
pub(super) fn steps(references: &[Vec<usize>]) -> Vec<Step<usize>> {
    let mut search =
        Search { references, found: vec![None; references.len()], open: Vec::new(), next: 0, steps: vec![] };
    for position in 0..references.len() {
        if search.found[position].is_none() {
            search.visit(position);
        }
    }
    search.steps
}

/// Later than any operation is found.
const PLACED: usize = usize::MAX;

/// Tarjan's search for strongly connected components, which yields each after those that it leads to. It goes as deep as there are
/// operations, of which a request has only so many.
struct Search<'r> {
    references: &'r [Vec<usize>],
    /// When each operation was found; [`PLACED`] for those in a step.
    found: Vec<Option<usize>>,
    /// Those found that are in no step yet.
    open: Vec<usize>,
    next: usize,
    steps: Vec<Step<usize>>,
}

impl Search<'_> {
    /// Returns when the earliest open operation was found that this one leads to; [`PLACED`] when it leads to none.
    fn visit(&mut self, position: usize) -> usize {
        let own = self.next;
        self.next += 1;
        self.found[position] = Some(own);
        self.open.push(position);
        let mut earliest = own;
        let references = self.references;
        for &other in &references[position] {
            let found = self.found[other].unwrap_or_else(|| self.visit(other));
            earliest = earliest.min(found);
        }
        if earliest < own {
            return earliest;
        }
        let mut together: Vec<usize> = self.open.iter().rev().copied().take_while(|open| *open != position).collect();
        together.push(position);
        self.open.truncate(self.open.len() - together.len());
        for &placed in &together {
            self.found[placed] = Some(PLACED);
        }
        together.sort_unstable();
        let circle = together.len() > 1 || references[position].contains(&position);
        self.steps.push(if circle { Step::Circle(together) } else { Step::One(position) });
        PLACED
    }
}
