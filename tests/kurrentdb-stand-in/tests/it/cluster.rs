//! Several nodes: who leads, what followers answer, nodes that die and come back.

use std::time::Duration;

use kurrentdb_stand_in::{
    Cluster,
    wire::{
        append::ExpectedRevision as Expected,
        members::{ClusterInfo, NodeState},
    },
};

use crate::caller::{Answer, Failed, connect, paid};

const ORDER: &str = "order-demo.1";

fn states(info: &ClusterInfo) -> Vec<(NodeState, bool)> {
    info.members.iter().map(|member| (member.state(), member.is_alive)).collect()
}

#[tokio::test]
async fn every_node_tells_of_every_node_and_of_the_one_leader() {
    let cluster = Cluster::start(3).await.unwrap();
    for address in cluster.addresses() {
        let info = connect(address).await.unwrap().gossip().await.unwrap();
        let ports: Vec<u32> =
            info.members.iter().map(|member| member.http_end_point.as_ref().unwrap().port).collect();
        let expected: Vec<u32> = cluster.addresses().iter().map(|at| u32::from(at.port())).collect();
        assert_eq!(ports, expected);
        let follower = (NodeState::Follower, true);
        assert_eq!(states(&info), [(NodeState::Leader, true), follower, follower]);
    }
}

#[tokio::test]
async fn a_follower_sends_who_needs_the_leader_to_it_and_takes_what_others_write() {
    let cluster = Cluster::start(3).await.unwrap();
    let follower = connect(cluster.addresses()[2]).await.unwrap();
    let needs_leader = follower.with("requires-leader", "true");
    let failed = needs_leader.append(ORDER, Expected::NoStream(()), &[paid("{}")]).await.unwrap_err();
    assert_eq!((failed.code(), failed.exception()), (5, "not-leader"));
    assert_eq!(failed.header("leader-endpoint-host"), "127.0.0.1");
    assert_eq!(failed.header("leader-endpoint-port"), cluster.addresses()[0].port().to_string());
    assert_eq!(cluster.log().stream(ORDER).len(), 0);
    follower.append(ORDER, Expected::NoStream(()), &[paid("{}")]).await.unwrap();
    assert_eq!(follower.events(ORDER).await.len(), 1);
    let read = crate::caller::of_stream(ORDER, kurrentdb_stand_in::wire::read::FromRevision::Start(()));
    assert_eq!(needs_leader.read(read).await.unwrap_err().exception(), "not-leader");
    assert_eq!(cluster.counts().not_leader, 2);
}

#[tokio::test]
async fn the_leader_moves_and_leaves_a_mark_in_the_log() {
    let cluster = Cluster::start(3).await.unwrap();
    let first = connect(cluster.addresses()[0]).await.unwrap().with("requires-leader", "true");
    first.append(ORDER, Expected::NoStream(()), &[paid("{}")]).await.unwrap();
    let epochs = cluster.log().stream("$epoch-information").len();
    assert_eq!(cluster.move_leader(), Some(1));
    let failed = first.append(ORDER, Expected::Revision(0), &[paid("{}")]).await.unwrap_err();
    assert_eq!(failed.header("leader-endpoint-port"), cluster.addresses()[1].port().to_string());
    let second = connect(cluster.addresses()[1]).await.unwrap().with("requires-leader", "true");
    let answer = second.append(ORDER, Expected::Revision(0), &[paid("{}")]).await.unwrap();
    assert!(matches!(answer, Answer::Appended { last: 1, .. }));
    assert_eq!(cluster.log().stream("$epoch-information").len(), epochs + 1);
}

#[tokio::test]
async fn when_the_leader_dies_another_takes_over_with_the_same_log() {
    let cluster = Cluster::start(3).await.unwrap();
    let first = connect(cluster.addresses()[0]).await.unwrap();
    first.append(ORDER, Expected::NoStream(()), &[paid("{}")]).await.unwrap();
    cluster.kill(0).await.unwrap();
    assert_eq!(first.append(ORDER, Expected::Any(()), &[paid("{}")]).await, Err(Failed::Connection));
    assert!(matches!(connect(cluster.addresses()[0]).await, Err(Failed::Connection)));
    let second = connect(cluster.addresses()[1]).await.unwrap().with("requires-leader", "true");
    let info = second.gossip().await.unwrap();
    let leader = (NodeState::Leader, true);
    assert_eq!(states(&info), [(NodeState::Unknown, false), leader, (NodeState::Follower, true)]);
    assert_eq!(second.events(ORDER).await.len(), 1);
    cluster.revive(0).await.unwrap();
    let first = connect(cluster.addresses()[0]).await.unwrap();
    assert_eq!(first.events(ORDER).await.len(), 1);
    assert_eq!(cluster.leader(), Some(1));
}

#[tokio::test]
async fn without_a_majority_nobody_leads_and_nothing_is_written() {
    let cluster = Cluster::start(3).await.unwrap();
    cluster.kill(0).await.unwrap();
    cluster.kill(1).await.unwrap();
    assert_eq!(cluster.leader(), None);
    let last = connect(cluster.addresses()[2]).await.unwrap();
    let failed = last.append(ORDER, Expected::Any(()), &[paid("{}")]).await.unwrap_err();
    assert_eq!(failed.code(), 14);
    // Who led last is seen so until another does.
    let unknown = NodeState::Unknown;
    let seen = states(&last.gossip().await.unwrap());
    assert_eq!(seen, [(unknown, false), (NodeState::Leader, false), (unknown, true)]);
    cluster.revive(1).await.unwrap();
    assert_eq!(cluster.leader(), Some(1));
    last.append(ORDER, Expected::Any(()), &[paid("{}")]).await.unwrap();
}

#[tokio::test]
async fn a_restarted_node_is_at_the_same_port_with_the_same_log() {
    let cluster = Cluster::start(1).await.unwrap();
    let address = cluster.addresses()[0];
    let caller = connect(address).await.unwrap();
    let event = paid("{}");
    let answer = caller.append(ORDER, Expected::NoStream(()), std::slice::from_ref(&event)).await.unwrap();
    cluster.restart(0, Duration::ZERO).await.unwrap();
    assert_eq!(caller.append(ORDER, Expected::Any(()), &[paid("{}")]).await, Err(Failed::Connection));
    let caller = connect(address).await.unwrap();
    assert_eq!(caller.append(ORDER, Expected::NoStream(()), &[event]).await.unwrap(), answer);
}

#[tokio::test]
async fn a_cluster_that_is_dropped_takes_no_connections() {
    let cluster = Cluster::start(2).await.unwrap();
    let addresses = cluster.addresses();
    let caller = connect(addresses[0]).await.unwrap();
    drop(cluster);
    assert_eq!(caller.gossip().await.unwrap_err(), Failed::Connection);
    for address in addresses {
        // The listener closes when its task is next looked at.
        while connect(address).await.is_ok() {
            tokio::task::yield_now().await;
        }
    }
}

#[test]
fn a_cluster_says_how_to_reach_it() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let cluster = runtime.block_on(Cluster::start(2)).unwrap();
    let [first, second] = cluster.addresses().try_into().unwrap();
    assert_eq!(cluster.url(), format!("kurrentdb://{first},{second}?tls=false"));
}
