package gateway

// sift divides the items of a request into those that go on to the broker and the answers for those that do not.
// judge may change an item that goes on. What was null stays null, and what was not never becomes null, because
// null means "all" in several requests.
func sift[Item, Answer any](items []Item, judge func(*Item) (answer Answer, refused bool)) (kept []Item, answers []Answer) {
	kept = items[:0]
	for i := range items {
		item := items[i]
		if answer, refused := judge(&item); refused {
			answers = append(answers, answer)
		} else {
			kept = append(kept, item)
		}
	}
	return kept, answers
}

// own keeps the items of a response that are the tenant's, under the names that the tenant knows.
func own[Item any](s *session, items []Item, name func(*Item) *string) []Item {
	kept := items[:0]
	for i := range items {
		n := name(&items[i])
		logical, ok := s.logical(*n)
		if !ok {
			continue
		}
		*n = logical
		kept = append(kept, items[i])
	}
	return kept
}
