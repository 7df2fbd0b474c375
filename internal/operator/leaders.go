package operator

// leaders has every partition led by its first replica again, once all is in sync after a restart. Until then there is
// something to wait for.
func (l *look) leaders() {
	k := l.view.Kafka
	if k == nil || !l.plan.settled() || l.othersRun(-1) != "" || k.Reassigning != 0 {
		return
	}
	if behind := k.UnderReplicatedPartitions + k.OfflinePartitions; behind > 0 {
		l.wait(Wait{What: waitSync, Node: -1, Owner: "Kafka", Patience: restartPatience}, "all nodes run, and %d partitions are not in sync yet", behind)
		return
	}
	for _, n := range k.Nodes {
		if n.Alive && n.Leaders < n.PreferredLeaders {
			l.act(ElectLeaders, 0, "%s leads %d partitions and should lead %d", nodeName(n.Node), n.Leaders, n.PreferredLeaders)
			return
		}
	}
}
