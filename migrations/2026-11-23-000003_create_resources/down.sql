DROP TABLE resource_counts;
DROP TABLE resources;
