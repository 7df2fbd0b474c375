package orrery

import "fmt"

// ProbeCluster is the logical cluster that each physical cluster has for its prober, on every one the same. No user can
// have it, for NewID draws no such id; its satellite makes it, and the mothership never hears of it.
const ProbeCluster = PrefixLogicalKafka + "-probe"

// ProbeTopic is the topic of ProbeCluster whose only partition is on one broker, as its tenant names it.
func ProbeTopic(node int32) string { return fmt.Sprintf("broker-%d", node) }
