package operator

// leaders has every partition led by its first replica again, once all is in sync after a restart.
func (l *look) leaders() {
	k := l.view.Kafka
	if k == nil || !l.plan.settled() || l.othersRun(-1) != "" || k.Reassigning != 0 || k.UnderReplicatedPartitions > 0 || k.OfflinePartitions > 0 {
		return
	}
	for _, n := range k.Nodes {
		if n.Alive && n.Leaders < n.PreferredLeaders {
			l.act(ElectLeaders, 0, "%s leads %d partitions and should lead %d", nodeName(n.Node), n.Leaders, n.PreferredLeaders)
			return
		}
	}
}
