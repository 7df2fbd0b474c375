// Package archtest holds the tests about this repository itself: who may import whom, which packages are pure,
// that packages are documented and well named, and that no function grows too long.
package archtest
