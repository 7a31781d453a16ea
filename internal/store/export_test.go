package store

import "fmt"

// CopiedColumns are the columns that a copy takes along, of each table, as "name type", and those of the primary key as
// "name type #place".
func CopiedColumns() map[string][]string {
	all := map[string][]string{}
	for _, t := range copyTables {
		for i, c := range t.columns {
			column := c.name + " " + c.kind
			if i < t.key {
				column += fmt.Sprintf(" #%d", i+1)
			}
			all[t.name] = append(all[t.name], column)
		}
	}
	return all
}
