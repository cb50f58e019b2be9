DROP INDEX resources_second_email;
DROP INDEX resources_first_email;
DROP INDEX resources_display_name;
