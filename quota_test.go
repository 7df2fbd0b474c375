package orrery

import (
	"encoding/json"
	"testing"
)

// TestQuotasList: every field is listed, by its name in JSON and with its value.
func TestQuotasList(t *testing.T) {
	for i, q := range (Quotas{}).List() {
		var quotas Quotas
		if err := json.Unmarshal([]byte(`{"`+q.Name+`":7}`), &quotas); err != nil {
			t.Fatal(err)
		}
		for j, other := range quotas.List() {
			if want := int64(0); i != j && other.Value != want || i == j && other.Value != 7 || other.Unit == "" || other.Meaning == "" {
				t.Errorf("with %s = 7, %+v", q.Name, other)
			}
		}
	}
	var fields map[string]int64
	encoded, err := json.Marshal(Quotas{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12})
	if err == nil {
		err = json.Unmarshal(encoded, &fields)
	}
	if list := (Quotas{}).List(); err != nil || len(fields) != len(list) {
		t.Errorf("%d quotas are listed, and there are %v (%v)", len(list), fields, err)
	}
}
