package main

import (
	"fmt"
	"math"
	"slices"
	"strings"
)

// The drawing's measures, in pixels.
const (
	width, height = 760, 420
	left, right   = 60, 20
	top, bottom   = 20, 150
)

var colours = []string{"#1b6ca8", "#c0392b", "#27864a", "#8e44ad", "#b9770e"}

// draw draws curves over the numbers of clusters, both axes logarithmic.
func draw(t table) string {
	least, most := math.Inf(1), math.Inf(-1)
	for _, c := range t.curves {
		for _, v := range c.values {
			least, most = min(least, max(v, 0.1)), max(most, v)
		}
	}
	low, high := math.Floor(math.Log10(least)), math.Ceil(math.Log10(max(most, 1)))
	high = max(high, low+1)
	x := func(n int) float64 {
		first, last := math.Log10(float64(t.clusters[0])), math.Log10(float64(slices.Max(t.clusters)))
		return left + (math.Log10(float64(n))-first)/max(last-first, 1e-9)*(width-left-right)
	}
	y := func(v float64) float64 {
		return top + (high-math.Log10(max(v, math.Pow(10, low))))/(high-low)*(height-top-bottom)
	}
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" font-family="sans-serif" font-size="12">`+"\n", width, height)
	fmt.Fprintf(&b, `<rect width="%d" height="%d" fill="#ffffff"/>`+"\n", width, height)
	for power := low; power <= high; power++ {
		at := y(math.Pow(10, power))
		fmt.Fprintf(&b, `<line x1="%d" y1="%.1f" x2="%d" y2="%.1f" stroke="#dddddd"/><text x="%d" y="%.1f" text-anchor="end">%g</text>`+"\n", left, at, width-right, at, left-6, at+4, math.Pow(10, power))
	}
	for _, n := range t.clusters {
		fmt.Fprintf(&b, `<line x1="%.1f" y1="%d" x2="%.1f" y2="%d" stroke="#eeeeee"/><text x="%.1f" y="%d" text-anchor="middle">%d</text>`+"\n", x(n), top, x(n), height-bottom, x(n), height-bottom+18, n)
	}
	fmt.Fprintf(&b, `<text x="%d" y="%d" text-anchor="middle">logical clusters</text>`+"\n", (left+width-right)/2, height-bottom+38)
	for i, c := range t.curves {
		colour := colours[i%len(colours)]
		var line []string
		for j, v := range c.values {
			line = append(line, fmt.Sprintf("%.1f,%.1f", x(t.clusters[j]), y(v)))
		}
		fmt.Fprintf(&b, `<polyline points="%s" fill="none" stroke="%s" stroke-width="2"/>`+"\n", strings.Join(line, " "), colour)
		at := height - bottom + 58 + 17*i
		fmt.Fprintf(&b, `<line x1="%d" y1="%d" x2="%d" y2="%d" stroke="%s" stroke-width="2"/><text x="%d" y="%d">%s</text>`+"\n", left, at-4, left+24, at-4, colour, left+32, at, c.name)
	}
	b.WriteString("</svg>\n")
	return b.String()
}
