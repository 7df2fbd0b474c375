package inproc

// Fault is a steerable defect of one broker, for tests: while it is there, the broker is stopped and does not
// start, and Message says why.
type Fault struct {
	Stopped bool
	Message string
}

// Fault puts a fault on one broker, or lifts it where Stopped is false. Lifting it starts nothing: that is the
// operator's work.
func (s *Substrate) Fault(id string, node int32, fault Fault) error {
	c, err := s.find(id)
	if err != nil {
		return err
	}
	if c == nil {
		return unknown(id)
	}
	c.faultsMu.Lock()
	if fault.Stopped {
		c.faults[node] = fault
	} else {
		delete(c.faults, node)
	}
	c.faultsMu.Unlock()
	if fault.Stopped {
		c.mu.Lock()
		err = c.unusable()
		if err == nil {
			err = c.stopBroker(s.ctx, node, "it was stopped by a fault that has been lifted")
		}
		c.mu.Unlock()
	}
	s.config.Changed(id)
	return err
}

func (c *cluster) fault(node int32) (Fault, bool) {
	c.faultsMu.Lock()
	defer c.faultsMu.Unlock()
	fault, ok := c.faults[node]
	return fault, ok
}
