package profile

import "fmt"

// QuotaSources returns, for each quota of a cluster of so many units (by its name in orrery.Quotas.List), what set it.
func (l TypeLimits) QuotaSources(units int) map[string]string {
	sources := map[string]string{}
	quotas, most := l.Quotas(units).List(), l.Quotas(l.MaxUnits).List()
	for i, q := range quotas {
		one := l.Quotas(1).List()[i].Value
		switch burst := units <= 0 && l.BurstBytesPerSecond > 0 && q.Unit == "bytes/s"; {
		case burst:
			sources[q.Name] = "the burst of a cluster that names no units"
		case one == most[i].Value:
			sources[q.Name] = "what every cluster of the type has"
		case units > 0 && q.Value == one*int64(min(units, l.MaxUnits)):
			sources[q.Name] = fmt.Sprintf("%d × %d, what one unit gives", min(units, l.MaxUnits), one)
		default:
			sources[q.Name] = "the most that a cluster of the type has"
		}
	}
	return sources
}
