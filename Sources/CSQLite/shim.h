#include <sqlite3.h>

/* For Swift, which can't call a function of any number of arguments: closing the connection copies nothing of its log into
 * the file. */
static inline void maquette_sqlite_abandon_log(sqlite3 *connection) {
  (void)sqlite3_db_config(connection, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, (int *)0);
}

/* What SQLite knows of a virtual table, and of a reader of it, with what Maquette adds. */
typedef struct {
  sqlite3_vtab base;
  void *state;
} maquette_sqlite_table;

typedef struct {
  sqlite3_vtab_cursor base;
  sqlite3_int64 row;
} maquette_sqlite_cursor;

/* As above: no view or trigger of a file may use the virtual table that is being connected. */
static inline int maquette_sqlite_direct_only(sqlite3 *connection) {
  return sqlite3_vtab_config(connection, SQLITE_VTAB_DIRECTONLY);
}
