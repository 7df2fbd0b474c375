package gateway

import "sync"

// maxMemberHosts bounds the memory; a full one starts again.
const maxMemberHosts = 1 << 16

// memberHosts knows from where the members of groups connected. The broker sees only its gateway, and since a
// group's members and whoever describes it all talk to its coordinator, they meet at the coordinator's gateway. A
// restarted gateway learns again from heartbeats. The zero value is ready.
type memberHosts struct {
	mu    sync.Mutex
	hosts map[memberKey]string
}

type memberKey struct{ group, member string } // the group's physical name

func (h *memberHosts) remember(group, member, host string) {
	if member == "" || len(member) > maxMemberIDLength {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.hosts == nil || len(h.hosts) >= maxMemberHosts {
		h.hosts = map[memberKey]string{}
	}
	h.hosts[memberKey{group, member}] = host
}

// maxMemberIDLength is more than any broker's or client's member ids have: client.id, "-" and a UUID.
const maxMemberIDLength = 512

// host returns where a member connected from, as brokers write it, and "" where it is not known.
func (h *memberHosts) host(group, member string) string {
	h.mu.Lock()
	defer h.mu.Unlock()
	if host := h.hosts[memberKey{group, member}]; host != "" {
		return "/" + host
	}
	return ""
}
