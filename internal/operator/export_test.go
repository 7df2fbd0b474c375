package operator

import "github.com/orrery-kafka/orrery/internal/brokers"

// Spread is spread, with brokers 0 to before-1 that become those up to after-1.
func Spread(partitions []brokers.Partition, before, after int, rack func(int32) string) ([]brokers.Move, string) {
	var stay []place
	leave := map[int32]bool{}
	for node := range int32(after) {
		stay = append(stay, place{node, rack(node)})
	}
	for node := int32(after); node < int32(before); node++ {
		leave[node] = true
	}
	return spread(partitions, stay, leave, after > before)
}
