package rest

import (
	"github.com/orrery-kafka/orrery"
	"github.com/orrery-kafka/orrery/wire"
)

const usersPath = "/iam/v2/users"

func (s *server) userRoutes() []route {
	return []route{
		{"GET", usersPath, "listUsers", "List users", paged(), 200, with(s.listUsers), false},
		{"GET", usersPath + "/{id}", "getUser", "Read a user", nil, 200, with(s.getUser), false},
	}
}

func (s *server) listUsers(c *call, _ none) (wire.List[wire.User], error) {
	page, err := c.page()
	if err != nil {
		return wire.List[wire.User]{}, err
	}
	rows, err := s.mothership.ListUsers(c.ctx, c.actor, page)
	return listing(c, wire.IAMV2, wire.KindUser, rows, c.user), err
}

func (s *server) getUser(c *call, _ none) (wire.User, error) {
	u, err := s.mothership.User(c.ctx, c.actor, c.pathID())
	return c.user(u), err
}

func (c *call) user(u orrery.User) wire.User {
	return wire.User{
		APIVersion: wire.IAMV2, Kind: wire.KindUser, ID: u.ID,
		Metadata: c.metadata(usersPath, u.ID, u.CRN(), u.CreatedAt, u.UpdatedAt),
		Email:    u.Email, FullName: u.FullName, AuthType: "AUTH_TYPE_LOCAL",
	}
}
