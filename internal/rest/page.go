package rest

import (
	"net/url"
	"strconv"

	"github.com/orrery-kafka/orrery/internal/mothership"
	"github.com/orrery-kafka/orrery/wire"
)

const defaultPageSize = 10

// page reads page_size and page_token.
func (c *call) page() (mothership.Page, error) {
	p := mothership.Page{Size: defaultPageSize, Token: c.query("page_token")}
	size := c.query("page_size")
	if size == "" {
		return p, nil
	}
	n, err := strconv.Atoi(size)
	if err != nil || n < 1 {
		return p, invalidParameter("page_size", "page_size is %q; it must be a number from 1 to %d", size, mothership.MaxPageSize)
	}
	p.Size = min(n, mothership.MaxPageSize)
	return p, nil
}

// listing makes the answer of a listing; its links lead back to the same path and filters.
func listing[Row, Shape any](c *call, version, kind string, rows mothership.List[Row], shape func(Row) Shape) wire.List[Shape] {
	out := wire.List[Shape]{APIVersion: version, Kind: kind + "List", Data: make([]Shape, 0, len(rows.Rows))}
	for _, row := range rows.Rows {
		out.Data = append(out.Data, shape(row))
	}
	out.Metadata.First = c.pageURL("")
	if rows.Next != "" {
		out.Metadata.Next = c.pageURL(rows.Next)
	}
	return out
}

func (c *call) pageURL(token string) string {
	query := url.Values{}
	for name, values := range c.request.URL.Query() {
		if name != "page_token" && values[0] != "" {
			query.Set(name, values[0])
		}
	}
	if token != "" {
		query.Set("page_token", token)
	}
	link := c.url(c.request.URL.EscapedPath())
	if len(query) > 0 {
		link += "?" + query.Encode()
	}
	return link
}
