package mothership

import (
	"slices"
	"strings"

	"github.com/orrery-kafka/orrery"
	"github.com/orrery-kafka/orrery/internal/profile"
)

const maxPlaceName = 64 // characters of a cloud's or region's name

// checkCluster returns an Invalid or UnsupportedValue error about the first field of an input that is wrong.
func checkCluster(in ClusterInput, version string) error {
	if err := orrery.CheckDisplayName("/spec/display_name", in.DisplayName); err != nil {
		return err
	}
	if err := checkPlaceName("/spec/cloud", "cloud", in.Cloud); err != nil {
		return err
	}
	if err := checkPlaceName("/spec/region", "region", in.Region); err != nil {
		return err
	}
	availabilities := []string{orrery.AvailabilitySingleZone, orrery.AvailabilityMultiZone, orrery.AvailabilityLow, orrery.AvailabilityHigh}
	if !slices.Contains(availabilities, in.Availability) {
		return orrery.InvalidField("/spec/availability", "%q is not an availability; there are %s", in.Availability, strings.Join(availabilities, ", "))
	}
	switch in.Type {
	case orrery.TypeBasic, orrery.TypeStandard, orrery.TypeDedicated:
	case "Enterprise", "Freight":
		return &orrery.Error{Code: orrery.UnsupportedValue, Pointer: "/spec/config/kind", Message: in.Type + " clusters are not offered; there are Basic, Standard and Dedicated"}
	default:
		return orrery.InvalidField("/spec/config/kind", "%q is not a cluster type; there are Basic, Standard and Dedicated", in.Type)
	}
	return checkUnits(in.Type, in.CKU, in.MaxECKU, version)
}

// checkUnits returns an Invalid error where a size does not go with a type.
func checkUnits(clusterType string, cku, maxECKU int, version string) error {
	limits, err := profile.LimitsOf(version, clusterType)
	if err != nil {
		return err
	}
	switch dedicated := clusterType == orrery.TypeDedicated; {
	case dedicated && (cku < 1 || cku > limits.MaxUnits):
		return orrery.InvalidField("/spec/config/cku", "a Dedicated cluster has 1 to %d CKU, not %d", limits.MaxUnits, cku)
	case dedicated && maxECKU != 0:
		return orrery.InvalidField("/spec/config/max_ecku", "a Dedicated cluster has no max_ecku")
	case !dedicated && cku != 0:
		return orrery.InvalidField("/spec/config/cku", "only a Dedicated cluster has a cku")
	case maxECKU < 0 || maxECKU > limits.MaxUnits:
		return orrery.InvalidField("/spec/config/max_ecku", "a %s cluster has at most %d eCKU, not %d", clusterType, limits.MaxUnits, maxECKU)
	}
	return nil
}

func checkPlaceName(pointer, what, name string) error {
	if name == "" || len(name) > maxPlaceName {
		return orrery.InvalidField(pointer, "a %s of 1 to %d characters is required", what, maxPlaceName)
	}
	for _, c := range []byte(name) {
		if !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-' || c == '_' || c == '.') {
			return orrery.InvalidField(pointer, "%q is not the name of a %s: letters, digits, '-', '_' and '.' are allowed", name, what)
		}
	}
	return nil
}
