import django.contrib.postgres.fields
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("tenants", "0006_keys"),
    ]

    operations = [
        migrations.AddField(
            model_name="tenant",
            name="egress_hosts",
            field=django.contrib.postgres.fields.ArrayField(
                base_field=models.CharField(max_length=300),
                blank=True,
                default=list,
                size=None,
            ),
        ),
    ]
