import django.contrib.postgres.fields
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("tenants", "0005_limits"),
    ]

    operations = [
        migrations.AddField(
            model_name="apikey",
            name="scopes",
            field=django.contrib.postgres.fields.ArrayField(
                base_field=models.CharField(
                    choices=[
                        ("view", "view"),
                        ("decide", "decide"),
                        ("run", "run"),
                        ("edit", "edit"),
                        ("secrets", "secrets"),
                        ("administer", "administer"),
                    ],
                    max_length=16,
                ),
                blank=True,
                help_text="narrows the key within its role, such as run, view; empty: not at all",
                null=True,
                size=None,
            ),
        ),
    ]
