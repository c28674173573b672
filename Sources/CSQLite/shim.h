#include <sqlite3.h>

/* For Swift, which can't call a function of any number of arguments: closing the connection copies nothing of its log into
 * the file. */
static inline void maquette_sqlite_abandon_log(sqlite3 *connection) {
  (void)sqlite3_db_config(connection, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, (int *)0);
}
