//! P-08: many clients at once on one group.

use super::common::crowd::{add_members, create};
use super::common::server::Server;
use super::directory;
use super::scale::{Outcome, Scale, grouped, told};

const CLIENTS: usize = 64;
const EACH: usize = 1_000;

/// Measures.
pub fn run(scale: Scale) -> Outcome {
    let each = scale.of(EACH, 10);
    let server = Server::start();
    directory::fill(&server, CLIENTS * each);
    let ids = server.sql("SELECT id FROM resources WHERE resource_type = 'User'");
    let ids: Vec<String> = ids.lines().map(str::to_owned).collect();
    let group = create(&server, "Crowd", &[]);
    let crowd = add_members(&server, &group, &ids, CLIENTS, each);
    let outcome = Outcome {
        held: crowd.lost_nothing() && crowd.requests == CLIENTS * each,
        measured: format!(
            "{} requests, {} members, {} states, {} audit entries, {:.0} a second",
            grouped(crowd.requests),
            grouped(crowd.members),
            grouped(crowd.states),
            grouped(crowd.entries),
            crowd.requests as f64 / crowd.elapsed.as_secs_f64()
        ),
        size: told(each, EACH, "members each"),
    };
    server.stop();
    outcome
}
