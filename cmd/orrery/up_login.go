package main

import (
	"net/netip"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/orrery-kafka/orrery/embedded"
)

// loginFlags are the flags of `orrery up` about clients that log in.
type loginFlags struct {
	sessionLifetime                                             time.Duration
	halfOpen, addressHalfOpen, addressAttempts, addressFailures int
	addressExempt                                               string
}

// nobodyExempt is what --address-exempt says where the limits by address are for everybody.
const nobodyExempt = "none"

func (f *loginFlags) add(flags *pflag.FlagSet) {
	d := embedded.DefaultLogin()
	flags.DurationVar(&f.sessionLifetime, "session-lifetime", d.SessionLifetime, "`DURATION` after which Kafka clients must log in again, such as 1h (default: never)")
	flags.IntVar(&f.halfOpen, "half-open", d.HalfOpen, "at most `N` connections at a broker that have not logged in")
	flags.IntVar(&f.addressHalfOpen, "address-half-open", d.AddressHalfOpen, "at most `N` of those of one address")
	flags.IntVar(&f.addressAttempts, "address-attempts", d.AddressAttempts, "at most `N` connections of an address at once; a tenth comes back each second")
	flags.IntVar(&f.addressFailures, "address-failures", d.AddressFailures, "at most `N` failed logins of an address at once; a tenth comes back each second")
	flags.StringVar(&f.addressExempt, "address-exempt", networksText(d.ExemptNetworks), "`CIDR,...` without limits by address, or none")
}

func networksText(networks []netip.Prefix) string {
	var texts []string
	for _, n := range networks {
		texts = append(texts, n.String())
	}
	return strings.Join(texts, ",")
}

// check returns what the flags say.
func (f *loginFlags) check() (embedded.Login, error) {
	if f.sessionLifetime != 0 && f.sessionLifetime < time.Second {
		return embedded.Login{}, usageError("such as --session-lifetime 1h, or 0 for no end", "--session-lifetime %s is shorter than a second", f.sessionLifetime)
	}
	for _, number := range []struct {
		flag        string
		value, most int
	}{
		{"--half-open", f.halfOpen, embedded.MaxHalfOpen}, {"--address-half-open", f.addressHalfOpen, embedded.MaxHalfOpen},
		{"--address-attempts", f.addressAttempts, 1 << 30}, {"--address-failures", f.addressFailures, 1 << 30},
	} {
		if number.value < 1 || number.value > number.most {
			return embedded.Login{}, usageError("", "%s %d is not between 1 and %d", number.flag, number.value, number.most)
		}
	}
	exempt := []netip.Prefix{}
	if f.addressExempt != nobodyExempt {
		var err error
		if exempt, err = parseNetworks("--address-exempt", f.addressExempt); err != nil {
			return embedded.Login{}, err
		}
		if len(exempt) == 0 {
			return embedded.Login{}, usageError("the limits are for everybody with --address-exempt "+nobodyExempt, "--address-exempt names no network")
		}
	}
	return embedded.Login{
		SessionLifetime: f.sessionLifetime, HalfOpen: f.halfOpen, AddressHalfOpen: f.addressHalfOpen,
		AddressAttempts: f.addressAttempts, AddressFailures: f.addressFailures, ExemptNetworks: exempt,
	}, nil
}
