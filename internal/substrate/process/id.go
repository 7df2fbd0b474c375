package process

import "regexp"

// validID keeps an id from being a path: pkc-xxxxxx, pkc-control.
var validID = regexp.MustCompile(`^[a-z]+-[a-z0-9]{1,32}$`)
