package store_test

import (
	"os"
	"path/filepath"
	"regexp"
	"testing"
)

// TestCitusStatements: docs/citus.sql says of every table of the migrations where it goes.
func TestCitusStatements(t *testing.T) {
	t.Parallel()
	statements, err := os.ReadFile("../../docs/citus.sql")
	if err != nil {
		t.Fatal(err)
	}
	placed := map[string]bool{}
	for _, m := range regexp.MustCompile(`(?m)^select create_(?:reference|distributed)_table\('(\w+)'`).FindAllStringSubmatch(string(statements), -1) {
		placed[m[1]] = true
	}
	files, err := filepath.Glob("migrations/*.sql")
	if err != nil || len(files) == 0 {
		t.Fatalf("migrations: %v, error %v", files, err)
	}
	made := 0
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range regexp.MustCompile(`create table if not exists (\w+)`).FindAllStringSubmatch(string(text), -1) {
			made++
			if !placed[m[1]] {
				t.Errorf("%s makes the table %s, which docs/citus.sql does not place", file, m[1])
			}
		}
	}
	if made != len(placed) {
		t.Errorf("docs/citus.sql places %d tables; the migrations make %d", len(placed), made)
	}
}
