/// What every document has, instances, texts of other scripts, and what is refused.
extension QueryTable {
  static let own = QueryTable(
    name: "members that a store has places of their own for",
    documents: #"""
      {"id": "00000000000000000000000a", "name": "one", "datasetName": "d"}
      {"id": "00000000000000000000000b", "name": "two", "datasetName": "d"}
      {"id": "00000000000000000000000c", "name": "one", "datasetName": "e"}
      {"id": "00000000000000000000000d", "name": 7}
      {"id": "00000000000000000000000e", "name": ["one", "three"]}
      {"id": "00000000000000000000000f", "name": null, "datasetName": null}
      {"id": "000000000000000000000010", "datasetName": 3}
      {"id": "000000000000000000000011", "datasetName": ["d"], "name": "2026-01-01T00:00:00Z"}
      """#,
    cases: #"""
      {"id": "00000000000000000000000a"} -> 1
      {"id": "00000000000000000000000A"} ->
      {"_id": "00000000000000000000000b"} -> 2
      {"id": "q"} ->
      {"id": 10} ->
      {"id": null} ->
      {"id": {"$ne": "00000000000000000000000a"}} -> 2 3 4 5 6 7 8
      {"id": {"$in": ["00000000000000000000000c", "x", 4, "00000000000000000000000a"]}} -> 1 3
      {"id": {"$nin": ["00000000000000000000000c", "x", 4]}} -> 1 2 4 5 6 7 8
      {"id": {"$gt": "00000000000000000000000f"}} -> 7 8
      {"id": {"$lte": "00000000000000000000000b"}} -> 1 2
      {"id": {"$lt": 5}} ->
      {"id": "00000000000000000000000a", "name": "two"} ->
      {"id": "00000000000000000000000a", "name": "one"} -> 1
      {"id": "00000000000000000000000a", "$skip": 1} -> of 1
      {"id.x": "00000000000000000000000a"} ->
      {"name": "one"} -> 1 3 5
      {"name": "two"} -> 2
      {"name": 7} -> 4
      {"name": null} -> 6 7
      {"name": "three"} -> 5
      {"name": {"$ne": "one"}} -> 2 4 6 7 8
      {"name": {"$in": ["two", 7]}} -> 2 4
      {"name": {"$nin": ["two", null]}} -> 1 3 4 5 8
      {"name": {"$gt": "one"}} -> 2 5
      {"name": {"$gte": "one"}} -> 1 2 3 5
      {"name": {"$lt": 8}} -> 4
      {"name": "2026-01-01T01:00:00+01:00"} -> 8
      {"name": {"$lt": "2027-01-01T00:00:00Z"}} -> 8
      {"name.0": "one"} -> 5
      {"datasetName": "d"} -> 1 2 8
      {"datasetName": "e"} -> 3
      {"datasetName": 3} -> 7
      {"datasetName": null} -> 4 5 6
      {"datasetName": {"$ne": "d"}} -> 3 4 5 6 7
      {"datasetName": {"$in": ["d", "e"]}} -> 1 2 3 8
      {"datasetName": "d", "name": "one"} -> 1
      {"datasetName": "d", "$limit": 1, "$skip": 1} -> 2 of 3
      {"$or": [{"datasetName": "e"}, {"name": "two"}]} -> 2 3
      {"$or": [{"datasetName": "d", "name": "two"}, {"id": "000000000000000000000010"}]} -> 2 7
      {"$not": {"datasetName": "d"}} -> 3 4 5 6 7
      {"$sort": {"name": 1}} -> 7 6 4 1 3 2 8 5
      {"$sort": {"name": -1, "id": -1}, "$limit": 4} -> 5 8 2 3 of 8
      {"$sort": {"datasetName": 1, "id": 1}} -> 4 5 6 7 1 2 3 8
      {"$sort": {"datasetName": -1}, "$limit": 3} -> 8 3 1 of 8
      {"$sort": {"_id": -1}, "$limit": 1} -> 8 of 8
      """#)

  static let instances = QueryTable(
    name: "instances",
    documents: #"""
      {"datasetName": "d", "x": [1, 2], "y": "a"}
      {"datasetName": "d", "x": [0.5, -3], "y": 1}
      {"datasetName": "d", "x": [[1], [2]], "y": [0, 1]}
      {"datasetName": "d", "x": [1, 3], "y": {"q": "a"}}
      {"datasetName": "d", "x": [2, 2]}
      {"datasetName": "d", "x": [2, 4], "y": null}
      {"datasetName": "d", "x": "picture.png", "y": true}
      {"datasetName": "e", "x": [9], "y": "a", "thumbnail": "data:"}
      {"x": [1, 2], "y": "b", "thumbnail": "data:"}
      {"datasetName": "d", "y": "2026-01-01T00:00:00Z"}
      {"datasetName": "d", "y": ["a", 1]}
      """#,
    cases: #"""
      {"y": "a"} -> 1 8 11
      {"y": "a", "datasetName": "d"} -> 1 11
      {"y": "a", "datasetName": "e"} -> 8
      {"y": 1} -> 2 3 11
      {"y": [0, 1]} -> 3
      {"y": {"$in": ["a", "b"]}} -> 1 8 9 11
      {"y": {"$in": ["b", 1]}} -> 2 3 9 11
      {"y": {"$nin": ["a", "b"]}} -> 2 3 4 5 6 7 10
      {"y": {"$ne": "a"}} -> 2 3 4 5 6 7 9 10
      {"y": {"$ne": 1}, "datasetName": "d"} -> 1 4 5 6 7 10
      {"y": null} -> 5 6
      {"y": {"$gt": "a"}} -> 9
      {"y": {"$gte": "a"}} -> 1 8 9 11
      {"y": {"$lt": 1}} -> 3
      {"y": {"$lte": 1}} -> 2 3 11
      {"y": {"$lte": "2026-01-01T00:00:00Z"}} -> 10
      {"y": "2026-01-01T01:00:00+01:00"} -> 10
      {"y.q": "a"} -> 4
      {"y.0": "a"} -> 11
      {"y.1": 1} -> 3 11
      {"y": true} -> 7
      {"y": {"$not": {"$gt": 0}}} -> 1 4 5 6 7 8 9 10
      {"x": [1, 2]} -> 1 9
      {"x": 2} -> 1 5 6 9
      {"x": [2]} -> 3
      {"x.0": 1} -> 1 3 4 9
      {"x.1.0": 2} -> 3
      {"x": {"$lt": 0}} -> 2
      {"x": 0.5} -> 2
      {"x": null} -> 10 11
      {"x": {"$ne": null}, "y": null} -> 5 6
      {"x": "picture.png"} -> 7
      {"x": {"$gt": [1, 2]}} -> 3 4 5 6 8
      {"thumbnail": "data:", "y": "a"} -> 8
      {"$or": [{"y": "b"}, {"y": 1}]} -> 2 3 9 11
      {"$or": [{"y": "b"}, {"x": [9]}]} -> 8 9
      {"$and": [{"y": "a"}, {"y": 1}]} -> 11
      {"$sort": {"y": 1}} -> 5 6 2 1 8 9 7 10 3 11 4
      {"$sort": {"y": -1}, "$limit": 3} -> 4 11 3 of 11
      {"$sort": {"x": 1}, "$limit": 4} -> 10 11 7 2 of 11
      {"datasetName": "d", "$sort": {"y": -1, "x": 1}, "$skip": 3, "$limit": 2} -> 10 7 of 9
      {"y": "a", "$sort": {"datasetName": -1}} -> 8 1 11
      {"y": "a", "$limit": 1} -> 1 of 3
      {"y": "a", "$limit": 1, "$skip": 1} -> 8 of 3
      {"y": "a", "$limit": 0} -> of 3
      """#)

  static let texts = QueryTable(
    name: "texts and names of all sorts",
    documents: #"""
      {"v": "caf\u00e9"}
      {"v": "cafe\u0301"}
      {"v": "O'Brien"}
      {"v": "'; DROP TABLE maquette_services; --"}
      {"v": "a\u0000b"}
      {"v": "a"}
      {"v": "\ud83d\ude00"}
      {"v": "\uffee"}
      {"v": "\u05e9\u05dc\u05d5\u05dd"}
      {"v": "%_\\\""}
      {"name": "caf\u00e9", "y": "cafe\u0301"}
      {"name": "cafe\u0301", "y": "caf\u00e9"}
      {"name": "a\u0000b", "y": "a\u0000b"}
      {"it's": 1, "a\"b": 2, "a]b": 3, "a;b": 4, "": 5, "\u05d0": 6, "a\u0000b": 7, "$": 8}
      {"v": "$in"}
      {"v": {"a b": {"'": 1}}}
      """#,
    cases: #"""
      {"v": "caf\u00e9"} -> 1
      {"v": "cafe\u0301"} -> 2
      {"v": {"$gt": "cafe\u0301", "$lt": "caff"}} ->
      {"v": {"$in": ["O'Brien", "\ud83d\ude00"]}} -> 3 7
      {"v": "'; DROP TABLE maquette_services; --"} -> 4
      {"v": "a\u0000b"} -> 5
      {"v": "a"} -> 6
      {"v": {"$gt": "a\u0000", "$lt": "ab"}} -> 5
      {"v": {"$gt": "\uffee"}} -> 7
      {"v": {"$lt": "\ud83d\ude00", "$gt": "\u05e9"}} -> 8 9
      {"v": "\u05e9\u05dc\u05d5\u05dd"} -> 9
      {"v": "%_\\\""} -> 10
      {"v": "%"} ->
      {"name": "caf\u00e9"} -> 11
      {"name": "cafe\u0301"} -> 12
      {"y": "caf\u00e9"} -> 12
      {"y": {"$in": ["cafe\u0301"]}} -> 11
      {"y": "a\u0000b"} -> 13
      {"y": "a"} ->
      {"name": "a\u0000b"} -> 13
      {"name": {"$gt": "a\u0000a"}} -> 11 12 13
      {"it's": 1} -> 14
      {"a\"b": 2} -> 14
      {"a]b": {"$gt": 2}} -> 14
      {"a;b": 4, "": 5} -> 14
      {"\u05d0": 6} -> 14
      {"a\u0000b": 7} -> 14
      {"a": 7} ->
      {"v": "$in"} -> 15
      {"v.a b.'": 1} -> 16
      {"v": {"$ne": "a"}, "y": null, "n": {"$lt": 7}} -> 1 2 3 4 5
      {"it's": 1, "$sort": {"a\"b": 1}} -> 14
      {"x' OR 1=1 --": 1} ->
      """#)

  static let refused = QueryTable(
    name: "what is refused",
    documents: #"""
      {"a": 1}
      """#,
    cases: #"""
      {"$near": 1} -> ! $near
      {"$where": "1"} -> ! $where
      {"$nor": [{}]} -> ! $nor
      {"$": 1} -> ! $
      {"$in": [1]} -> ! $in
      {"a": {"$regex": "x"}} -> ! $regex
      {"a": {"$exists": true}} -> ! $exists
      {"a": {"$or": [1]}} -> ! $or
      {"a": {"$limit": 1}} -> ! $limit
      {"a": {"$gt": 1, "b": 2}} -> ! b
      {"a": {"$not": {"$near": 1}}} -> ! $near
      {"a": {"$in": 1}} -> ! $in
      {"a": {"$in": {"0": 1}}} -> ! $in
      {"a": {"$in": null}} -> ! $in
      {"a": {"$nin": "b"}} -> ! $nin
      {"$or": []} -> ! $or
      {"$or": {}} -> ! $or
      {"$or": "a"} -> ! $or
      {"$or": [1]} -> ! $or
      {"$or": [{"$limit": 1}]} -> ! $limit
      {"$or": [{"$sort": {"a": 1}}]} -> ! $sort
      {"$or": [{"a": 1}, {"$or": []}]} -> ! $or
      {"$and": []} -> ! $and
      {"$and": [1]} -> ! $and
      {"$and": [{"$skip": 1}]} -> ! $skip
      {"$not": 1} -> ! $not
      {"$not": []} -> ! $not
      {"$not": {"$select": ["a"]}} -> ! $select
      {"$limit": "many"} -> ! $limit
      {"$limit": 1.5} -> ! $limit
      {"$limit": null} -> ! $limit
      {"$limit": ""} -> ! $limit
      {"$limit": [1]} -> ! $limit
      {"$limit": 1e300} -> ! $limit
      {"$skip": -1} -> ! $skip
      {"$skip": "-1"} -> ! $skip
      {"$skip": 0.5} -> ! $skip
      {"$skip": true} -> ! $skip
      {"$sort": {"a": 2}} -> ! $sort
      {"$sort": {"a": 0}} -> ! $sort
      {"$sort": {"a": "up"}} -> ! $sort
      {"$sort": ["a"]} -> ! $sort
      {"$sort": "a"} -> ! $sort
      {"$select": "a"} -> ! $select
      {"$select": [1]} -> ! $select
      {"$select": {"a": 1}} -> ! $select
      {"$distinct": 1} -> ! $distinct
      {"$distinct": ["a"]} -> ! $distinct
      {"$distinct": null} -> ! $distinct
      {"$or": [{"$distinct": "a"}]} -> ! $distinct
      """#)
}
